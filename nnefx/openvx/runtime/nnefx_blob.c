/* The header, sections and records of a `.nxvx` file: see nnefx_blob.h. */
#include <stdio.h>
#include <string.h>

#include "nnefx_blob.h"

#define HEADER 128u
#define ENTRY 48u
#define REQUIRED 1u
#define MAX_BYTES (UINT64_C(1) << 40) /* of one tensor */

enum { STRS, TENS, VIEW, LUTS, SCAL, NODE, ARGS, GRIO, NAMI, QUAN, DATA, META, NNEF, SIGN, KINDS };

/* Name, least size of a record, whether the section may be left out; in the order of the enum. */
static const struct {
    char name[5];
    uint32_t record;
    int optional;
} kinds[KINDS] = {
    {"STRS", 0, 0}, {"TENS", 128, 0}, {"VIEW", 112, 0}, {"LUTS", 24, 0}, {"SCAL", 16, 0},
    {"NODE", 32, 0}, {"ARGS", 16, 0}, {"GRIO", 96, 0}, {"NAMI", 24, 0}, {"QUAN", 16, 1},
    {"DATA", 0, 0}, {"META", 0, 1}, {"NNEF", 0, 1}, {"SIGN", 0, 1}};

uint32_t nnefx_u32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint64_t nnefx_u64(const unsigned char *at)
{
    return (uint64_t)nnefx_u32(at) | (uint64_t)nnefx_u32(at + 4) << 32;
}

static int32_t i32(const unsigned char *at)
{
    uint32_t bits = nnefx_u32(at);
    return bits < UINT32_C(0x80000000) ? (int32_t)bits : -1 - (int32_t)~bits;
}

static double f64(const unsigned char *at)
{
    uint64_t bits = nnefx_u64(at);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float nnefx_float_of(uint64_t bits64)
{
    uint32_t bits = (uint32_t)bits64;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

int nnefx_blob_fail(nnefx_blob_error *error, nnefx_blob_code code, uint64_t offset,
                    const char *message)
{
    error->code = code;
    error->offset = offset;
    snprintf(error->message, sizeof error->message, "%s", message);
    return 0;
}

static int damaged(nnefx_blob_error *error, uint64_t offset, const char *message)
{
    return nnefx_blob_fail(error, NNEFX_BLOB_DAMAGED, offset, message);
}

uint32_t nnefx_item_size(uint32_t type)
{
    static const uint32_t sizes[] = {0, 1, 1, 2, 2, 4, 2, 4};
    return type < sizeof sizes / sizeof *sizes ? sizes[type] : 0;
}

const unsigned char *nnefx_record(const nnefx_blob *blob, const nnefx_section *section,
                                  uint32_t index)
{
    return blob->data + section->offset + (uint64_t)index * section->record_size;
}

/* Checksums are no protection; fuzzers do without them, to reach what is behind. */
static int crc_fits(const nnefx_blob *blob, uint64_t offset, uint64_t size, uint32_t expected)
{
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    (void)blob, (void)offset, (void)size, (void)expected;
    return 1;
#else
    return nnefx_crc32c(blob->data + offset, (size_t)size, 0) == expected;
#endif
}

/* ---- Header and sections ---- */

static int check_header(nnefx_blob *blob, nnefx_blob_error *error)
{
    const unsigned char *at = blob->data;
    if (blob->size < HEADER || memcmp(at, "NNEFXVX\x1a", 8) != 0)
        return nnefx_blob_fail(error, NNEFX_BLOB_NO_BLOB, 0, "file is no nnefx blob");
    if (nnefx_u32(at + 8) != UINT32_C(0x01020304))
        return nnefx_blob_fail(error, NNEFX_BLOB_NO_BLOB, 8, "byte order is unknown");
    if ((nnefx_u32(at + 12) & 0xFFFF) != 1)
        return nnefx_blob_fail(error, NNEFX_BLOB_VERSION, 12, "major version is not 1");
    if (!crc_fits(blob, 0, 96, nnefx_u32(at + 96)))
        return damaged(error, 96, "checksum of the header is wrong");
    if (nnefx_u64(at + 16) != blob->size)
        return damaged(error, 16, "size of the file is another");
    if (nnefx_u32(at + 24) < HEADER)
        return damaged(error, 24, "header is too small");
    blob->profile = nnefx_u32(at + 40);
    if (blob->profile > 3)
        return nnefx_blob_fail(error, NNEFX_BLOB_VERSION, 40, "profile is unknown");
    blob->max_rank = nnefx_u32(at + 52);
    blob->max_args = nnefx_u32(at + 56);
    memcpy(blob->content_id, at + 64, sizeof blob->content_id);
    return 1;
}

/* Check one entry of the section table; `last` is where the one before ends. */
static int check_section(nnefx_blob *blob, nnefx_section sections[KINDS], uint64_t at,
                         uint64_t *last, nnefx_blob_error *error)
{
    const unsigned char *entry = blob->data + at;
    nnefx_section section;
    int kind = 0;
    section.offset = nnefx_u64(entry + 8);
    section.size = nnefx_u64(entry + 16);
    section.record_size = nnefx_u32(entry + 24);
    section.count = nnefx_u32(entry + 28);
    section.crc = nnefx_u32(entry + 32);
    if (section.offset < *last || section.offset % 64)
        return damaged(error, at + 8, "section overlaps another or is not aligned");
    if (section.size > blob->size || section.offset > blob->size - section.size)
        return damaged(error, at + 8, "section is outside of the file");
    *last = section.offset + section.size;
    while (kind < KINDS && memcmp(kinds[kind].name, entry, 4) != 0)
        kind++;
    if (kind == KINDS) {
        if (nnefx_u32(entry + 4) & REQUIRED)
            return nnefx_blob_fail(error, NNEFX_BLOB_VERSION, at, "required section is unknown");
        return 1;
    }
    if (sections[kind].offset)
        return damaged(error, at, "section is there twice");
    if (kinds[kind].record) {
        if (section.record_size < kinds[kind].record)
            return damaged(error, at + 24, "records are too small");
        if ((uint64_t)section.record_size * section.count > section.size)
            return damaged(error, at + 28, "records do not fit into their section");
    }
    sections[kind] = section;
    return 1;
}

static int check_sections(nnefx_blob *blob, unsigned flags, nnefx_blob_error *error)
{
    nnefx_section found[KINDS];
    uint64_t table = nnefx_u64(blob->data + 32), last;
    uint32_t count = nnefx_u32(blob->data + 28), i;
    int kind;
    memset(found, 0, sizeof found);
    if (table < HEADER || table % 8 || table > blob->size || count > (blob->size - table) / ENTRY)
        return damaged(error, 28, "section table is outside of the file");
    last = table + (uint64_t)count * ENTRY;
    for (i = 0; i < count; i++)
        if (!check_section(blob, found, table + (uint64_t)i * ENTRY, &last, error))
            return 0;
    for (kind = 0; kind < KINDS; kind++) {
        const nnefx_section *section = &found[kind];
        if (!section->offset && !kinds[kind].optional)
            return damaged(error, 28, "section is missing");
        if (section->offset && (kind != DATA || flags & NNEFX_BLOB_CHECK_DATA) &&
            !crc_fits(blob, section->offset, section->size, section->crc))
            return damaged(error, section->offset, "checksum of a section is wrong");
    }
    blob->strings = found[STRS];
    blob->tensors = found[TENS];
    blob->views = found[VIEW];
    blob->luts = found[LUTS];
    blob->scalars = found[SCAL];
    blob->nodes = found[NODE];
    blob->args = found[ARGS];
    blob->ports = found[GRIO];
    blob->names = found[NAMI];
    blob->scales = found[QUAN];
    blob->payloads = found[DATA];
    return 1;
}

/* ---- Strings ---- */

/* Return the length of a character of UTF-8 at `at`, of which `left` bytes follow; 0 for none. */
static uint64_t utf8_length(const unsigned char *at, uint64_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t length = *at < 0x80 ? 1 : *at >= 0xF0 && *at < 0xF8 ? 4 : *at >= 0xE0 && *at < 0xF0
                    ? 3 : *at >= 0xC0 && *at < 0xE0 ? 2 : 0;
    uint32_t value, i;
    if (length < 2)
        return length;
    if (length > left)
        return 0;
    value = *at & (0x7Fu >> length);
    for (i = 1; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (at[i] & 0x3F);
    }
    if (value < least[length] || value > 0x10FFFF || (value >= 0xD800 && value < 0xE000))
        return 0;
    return length;
}

static int check_strings(const nnefx_blob *blob, nnefx_blob_error *error)
{
    const nnefx_section *section = &blob->strings;
    const unsigned char *text = blob->data + section->offset;
    uint64_t i = 0, length;
    if (!section->size || text[0] || text[section->size - 1])
        return damaged(error, section->offset, "strings are not terminated");
    for (; i < section->size; i += length) {
        length = utf8_length(text + i, section->size - i);
        if (!length)
            return damaged(error, section->offset + i, "string is not UTF-8");
    }
    return 1;
}

/* Check the offset of a string that stands at `at` of the file: it must begin a character. */
int nnefx_blob_check_text(const nnefx_blob *blob, uint64_t at, nnefx_blob_error *error)
{
    uint32_t offset = nnefx_u32(blob->data + at);
    if (offset >= blob->strings.size)
        return damaged(error, at, "string is outside of the strings");
    if ((blob->data[blob->strings.offset + offset] & 0xC0) == 0x80)
        return damaged(error, at, "string begins inside of a character");
    return 1;
}

const char *nnefx_text(const nnefx_blob *blob, uint32_t offset)
{
    return (const char *)blob->data + blob->strings.offset + offset;
}

/* ---- Records as structures; nothing is checked here ---- */

nnefx_tensor nnefx_blob_tensor(const nnefx_blob *blob, uint32_t index)
{
    const unsigned char *at = nnefx_record(blob, &blob->tensors, index);
    nnefx_tensor tensor;
    int i;
    tensor.name = nnefx_text(blob, nnefx_u32(at));
    tensor.kind = nnefx_u32(at + 4);
    tensor.type = nnefx_u32(at + 8);
    tensor.position = i32(at + 12);
    tensor.rank = nnefx_u32(at + 16);
    for (i = 0; i < NNEFX_MAX_RANK; i++)
        tensor.dims[i] = nnefx_u64(at + 24 + 8 * i);
    tensor.offset = nnefx_u64(at + 72);
    tensor.size = nnefx_u64(at + 80);
    tensor.scale = (double)nnefx_float_of(nnefx_u32(at + 88));
    tensor.fill = i32(at + 92);
    tensor.label = nnefx_text(blob, nnefx_u32(at + 96));
    tensor.source = nnefx_text(blob, nnefx_u32(at + 104));
    /* QUAN, where it is, has one exact scale for each tensor in their order. */
    if (index < blob->scales.count) {
        const unsigned char *row = nnefx_record(blob, &blob->scales, index);
        if (nnefx_u32(row) == index)
            tensor.scale = f64(row + 8);
    }
    return tensor;
}

nnefx_view nnefx_blob_view(const nnefx_blob *blob, uint32_t index)
{
    const unsigned char *at = nnefx_record(blob, &blob->views, index);
    nnefx_view view;
    int i;
    view.name = nnefx_text(blob, nnefx_u32(at));
    view.parent = nnefx_u32(at + 4);
    view.rank = nnefx_u32(at + 8);
    for (i = 0; i < NNEFX_MAX_RANK; i++) {
        view.start[i] = nnefx_u64(at + 16 + 8 * i);
        view.end[i] = nnefx_u64(at + 64 + 8 * i);
    }
    return view;
}

nnefx_lut nnefx_blob_lut(const nnefx_blob *blob, uint32_t index)
{
    const unsigned char *at = nnefx_record(blob, &blob->luts, index);
    nnefx_lut lut;
    lut.name = nnefx_text(blob, nnefx_u32(at));
    lut.type = nnefx_u32(at + 4);
    lut.count = nnefx_u32(at + 8);
    lut.offset = nnefx_u64(at + 16);
    return lut;
}

nnefx_scalar nnefx_blob_scalar(const nnefx_blob *blob, uint32_t index)
{
    const unsigned char *at = nnefx_record(blob, &blob->scalars, index);
    nnefx_scalar scalar;
    scalar.name = nnefx_text(blob, nnefx_u32(at));
    scalar.type = nnefx_u32(at + 4);
    scalar.value = f64(at + 8);
    return scalar;
}

nnefx_port nnefx_blob_port(const nnefx_blob *blob, uint32_t index)
{
    const unsigned char *at = nnefx_record(blob, &blob->ports, index);
    nnefx_port port;
    uint32_t i;
    port.tensor = nnefx_u32(at);
    port.is_output = nnefx_u32(at + 4);
    port.name = nnefx_text(blob, nnefx_u32(at + 8));
    port.rank = nnefx_u32(at + 12);
    port.count = 1;
    for (i = 0; i < NNEFX_MAX_PORT_RANK; i++) {
        port.shape[i] = i < port.rank ? nnefx_u64(at + 16 + 8 * i) : 1;
        port.count *= port.shape[i];
    }
    return port;
}

/* ---- Checks of records ---- */

/* Multiply `extents` into `volume` (in bytes); 0 where one is 0 or they are too many. */
static int measure(const uint64_t *extents, uint32_t rank, uint64_t *volume)
{
    uint32_t i;
    for (i = 0; i < rank; i++) {
        if (!extents[i] || extents[i] > MAX_BYTES / *volume)
            return 0;
        *volume *= extents[i];
    }
    return 1;
}

static int is_positive(double value)
{
    return value > 0.0 && value - value == 0.0; /* neither an infinity nor a NaN */
}

static int check_payload(const nnefx_blob *blob, uint64_t offset, uint64_t size, uint64_t at,
                         nnefx_blob_error *error)
{
    const nnefx_section *data = &blob->payloads;
    if (offset < data->offset || size > data->size || offset - data->offset > data->size - size)
        return damaged(error, at, "payload is outside of the data");
    if (offset % 64)
        return damaged(error, at, "payload is not aligned");
    return 1;
}

static int fill_fits(uint32_t type, int32_t fill)
{
    switch (type) {
    case NNEFX_INT8: return fill >= -128 && fill <= 127;
    case NNEFX_UINT8: return fill >= 0 && fill <= 255;
    case NNEFX_INT16: return fill >= -32768 && fill <= 32767;
    case NNEFX_UINT16: case NNEFX_FLOAT16: return fill >= 0 && fill <= 65535;
    default: return 1;
    }
}

static int check_tensor(const nnefx_blob *blob, uint32_t index, nnefx_blob_error *error)
{
    uint64_t at = (uint64_t)(nnefx_record(blob, &blob->tensors, index) - blob->data), size;
    nnefx_tensor tensor;
    if (!nnefx_blob_check_text(blob, at, error) || !nnefx_blob_check_text(blob, at + 96, error) ||
        !nnefx_blob_check_text(blob, at + 104, error))
        return 0;
    tensor = nnefx_blob_tensor(blob, index);
    if (tensor.kind > NNEFX_STATE)
        return damaged(error, at + 4, "kind of a tensor is unknown");
    if (!nnefx_item_size(tensor.type))
        return damaged(error, at + 8, "type of a tensor is unknown");
    if (tensor.position < -127 || tensor.position > 127)
        return damaged(error, at + 12, "fixed point position is out of range");
    if (tensor.rank < 1 || tensor.rank > NNEFX_MAX_RANK)
        return damaged(error, at + 16, "rank is not 1 to 6");
    size = nnefx_item_size(tensor.type);
    if (!measure(tensor.dims, tensor.rank, &size) || size > SIZE_MAX / 2)
        return damaged(error, at + 24, "extents are zero or too large");
    if (!is_positive(tensor.scale))
        return damaged(error, at + 88, "scale is no positive number");
    if (!fill_fits(tensor.type, tensor.fill))
        return damaged(error, at + 92, "fill does not fit the type");
    if (tensor.kind != NNEFX_CONST)
        return 1;
    if (tensor.size != size)
        return damaged(error, at + 80, "payload does not fit the extents");
    return check_payload(blob, tensor.offset, size, at + 72, error);
}

static int check_view(const nnefx_blob *blob, uint32_t index, nnefx_blob_error *error)
{
    uint64_t at = (uint64_t)(nnefx_record(blob, &blob->views, index) - blob->data);
    nnefx_tensor parent;
    nnefx_view view;
    uint32_t i;
    if (!nnefx_blob_check_text(blob, at, error))
        return 0;
    view = nnefx_blob_view(blob, index);
    if (view.parent >= blob->tensors.count)
        return damaged(error, at + 4, "parent of a view is no tensor");
    parent = nnefx_blob_tensor(blob, view.parent);
    if (view.rank != parent.rank)
        return damaged(error, at + 8, "rank of a view is not its parent's");
    for (i = 0; i < view.rank; i++)
        if (view.start[i] >= view.end[i] || view.end[i] > parent.dims[i])
            return damaged(error, at + 16 + 8 * i, "view is outside of its parent");
    return 1;
}

static int check_lut(const nnefx_blob *blob, uint32_t index, nnefx_blob_error *error)
{
    uint64_t at = (uint64_t)(nnefx_record(blob, &blob->luts, index) - blob->data);
    nnefx_lut lut;
    uint32_t limit;
    if (!nnefx_blob_check_text(blob, at, error))
        return 0;
    lut = nnefx_blob_lut(blob, index);
    limit = lut.type == NNEFX_INT16 ? 65536 : lut.type == NNEFX_UINT8 ? 256 : 0;
    if (!limit)
        return damaged(error, at + 4, "type of a table is neither int16 nor uint8");
    if (!lut.count || lut.count > limit)
        return damaged(error, at + 8, "number of items of a table is out of range");
    return check_payload(blob, lut.offset, (uint64_t)lut.count * nnefx_item_size(lut.type), at + 16,
                         error);
}

static int check_scalar(const nnefx_blob *blob, uint32_t index, nnefx_blob_error *error)
{
    uint64_t at = (uint64_t)(nnefx_record(blob, &blob->scalars, index) - blob->data);
    nnefx_scalar scalar;
    double limit;
    if (!nnefx_blob_check_text(blob, at, error))
        return 0;
    scalar = nnefx_blob_scalar(blob, index);
    if (scalar.type != NNEFX_FLOAT32 && scalar.type != NNEFX_INT32)
        return damaged(error, at + 4, "type of a scalar is neither int32 nor float32");
    limit = scalar.type == NNEFX_INT32 ? 2147483647.0 : 3.4028234663852886e38;
    if (!(scalar.value >= -limit && scalar.value <= limit))
        return damaged(error, at + 8, "value of a scalar is out of range");
    return 1;
}

static int check_port(nnefx_blob *blob, uint32_t index, nnefx_blob_error *error)
{
    const unsigned char *row = nnefx_record(blob, &blob->ports, index);
    uint64_t at = (uint64_t)(row - blob->data), volume, expected;
    uint64_t shape[NNEFX_MAX_PORT_RANK];
    uint32_t rank = nnefx_u32(row + 12), i;
    nnefx_tensor tensor;
    if (!nnefx_blob_check_text(blob, at + 8, error))
        return 0;
    if (nnefx_u32(row) >= blob->tensors.count)
        return damaged(error, at, "input or output is no tensor");
    tensor = nnefx_blob_tensor(blob, nnefx_u32(row));
    if (nnefx_u32(row + 4) != tensor.kind || tensor.kind > NNEFX_OUTPUT)
        return damaged(error, at + 4, "tensor is not the input or output that it is said to be");
    if (rank > NNEFX_MAX_PORT_RANK)
        return damaged(error, at + 12, "rank of an input or output is above 8");
    for (i = 0; i < NNEFX_MAX_PORT_RANK; i++)
        shape[i] = nnefx_u64(row + 16 + 8 * i);
    expected = volume = nnefx_item_size(tensor.type);
    measure(tensor.dims, tensor.rank, &expected);
    if (!measure(shape, rank, &volume) || volume != expected)
        return damaged(error, at + 16, "shape of an input or output does not fit its tensor");
    if (tensor.kind == NNEFX_INPUT && blob->outputs)
        return damaged(error, at + 4, "input stands behind outputs");
    for (i = 0; i < index; i++)
        if (nnefx_u32(nnefx_record(blob, &blob->ports, i)) == nnefx_u32(row))
            return damaged(error, at, "input or output is there twice");
    blob->inputs += tensor.kind == NNEFX_INPUT;
    blob->outputs += tensor.kind == NNEFX_OUTPUT;
    return 1;
}

static int check_name(const nnefx_blob *blob, uint32_t index, nnefx_blob_error *error)
{
    const unsigned char *row = nnefx_record(blob, &blob->names, index);
    uint64_t at = (uint64_t)(row - blob->data);
    uint32_t counts[4], kind = nnefx_u32(row + 8);
    counts[NNEFX_TENSOR] = blob->tensors.count;
    counts[NNEFX_VIEW] = blob->views.count;
    counts[NNEFX_LUT] = blob->luts.count;
    counts[NNEFX_SCALAR] = blob->scalars.count;
    if (kind > NNEFX_SCALAR || nnefx_u32(row + 12) >= counts[kind])
        return damaged(error, at + 8, "name belongs to no object");
    if (index && nnefx_u64(nnefx_record(blob, &blob->names, index - 1)) > nnefx_u64(row))
        return damaged(error, at, "names are not sorted");
    return nnefx_blob_check_text(blob, at + 16, error);
}

static int check_scale(const nnefx_blob *blob, uint32_t index, nnefx_blob_error *error)
{
    const unsigned char *row = nnefx_record(blob, &blob->scales, index);
    if (nnefx_u32(row) != index || index >= blob->tensors.count || !is_positive(f64(row + 8)))
        return damaged(error, (uint64_t)(row - blob->data), "scale belongs to no tensor");
    return 1;
}

/* Every input and output must be among the ports, which are few: then none of them is left over. */
static int check_interface(const nnefx_blob *blob, nnefx_blob_error *error)
{
    uint32_t i, count = 0;
    for (i = 0; i < blob->tensors.count; i++)
        count += nnefx_u32(nnefx_record(blob, &blob->tensors, i) + 4) <= NNEFX_OUTPUT;
    if (count != blob->ports.count || !blob->outputs)
        return nnefx_blob_fail(error, NNEFX_BLOB_WRONG_PLAN, blob->ports.offset,
                               "inputs and outputs are not those of the tensors");
    return 1;
}

int nnefx_blob_check(nnefx_blob *blob, const void *data, size_t size, unsigned flags,
                     nnefx_blob_error *error)
{
    uint32_t i;
    int fine;
    memset(blob, 0, sizeof *blob);
    memset(error, 0, sizeof *error);
    blob->data = data;
    blob->size = size;
    if (!check_header(blob, error) || !check_sections(blob, flags, error))
        return 0;
    fine = check_strings(blob, error);
    if (fine && blob->ports.count > 4096)
        return damaged(error, blob->ports.offset, "inputs and outputs are more than 4096");
    for (i = 0; fine && i < blob->scales.count; i++)
        fine = check_scale(blob, i, error);
    for (i = 0; fine && i < blob->tensors.count; i++)
        fine = check_tensor(blob, i, error);
    for (i = 0; fine && i < blob->views.count; i++)
        fine = check_view(blob, i, error);
    for (i = 0; fine && i < blob->luts.count; i++)
        fine = check_lut(blob, i, error);
    for (i = 0; fine && i < blob->scalars.count; i++)
        fine = check_scalar(blob, i, error);
    for (i = 0; fine && i < blob->ports.count; i++)
        fine = check_port(blob, i, error);
    for (i = 0; fine && i < blob->names.count; i++)
        fine = check_name(blob, i, error);
    return fine && check_interface(blob, error) && nnefx_blob_check_calls(blob, error);
}

/* ---- Names ---- */

int nnefx_blob_find(const nnefx_blob *blob, const char *name, uint32_t *kind, uint32_t *index)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    uint32_t low = 0, high = blob->names.count;
    const char *at;
    for (at = name; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001B3);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (nnefx_u64(nnefx_record(blob, &blob->names, middle)) < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < blob->names.count; low++) {
        const unsigned char *row = nnefx_record(blob, &blob->names, low);
        if (nnefx_u64(row) != hash)
            return 0;
        if (strcmp(nnefx_text(blob, nnefx_u32(row + 16)), name) == 0) {
            *kind = nnefx_u32(row + 8);
            *index = nnefx_u32(row + 12);
            return 1;
        }
    }
    return 0;
}
