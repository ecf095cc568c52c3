/* The records of a `.nxvx` file: tensors, views, tables, scalars, ports, names. See
 * nnefx_blob.h. */
#include <string.h>

#include "nnefx_reader.h"

#define MAX_BYTES (UINT64_C(1) << 40) /* of one tensor */
#define MAX_PORTS 4096u

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

uint32_t nnefx_item_size(uint32_t type)
{
    static const uint32_t sizes[] = {0, 1, 1, 2, 2, 4, 2, 4};
    return type < sizeof sizes / sizeof *sizes ? sizes[type] : 0;
}

static int damaged(nnefx_blob_error *error, uint64_t offset, const char *message)
{
    return nnefx_blob_fail(error, NNEFX_BLOB_DAMAGED, offset, message);
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

static int check_tensor(const nnefx_blob *blob, uint32_t index, uint64_t at,
                        nnefx_blob_error *error)
{
    nnefx_tensor tensor;
    uint64_t size;
    if (!nnefx_blob_check_text(blob, at + 96, error) ||
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

static int check_view(const nnefx_blob *blob, uint32_t index, uint64_t at,
                      nnefx_blob_error *error)
{
    nnefx_view view = nnefx_blob_view(blob, index);
    nnefx_tensor parent;
    uint32_t i;
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

static int check_lut(const nnefx_blob *blob, uint32_t index, uint64_t at, nnefx_blob_error *error)
{
    nnefx_lut lut = nnefx_blob_lut(blob, index);
    uint32_t limit = lut.type == NNEFX_INT16 ? 65536 : lut.type == NNEFX_UINT8 ? 256 : 0;
    if (!limit)
        return damaged(error, at + 4, "type of a table is neither int16 nor uint8");
    if (!lut.count || lut.count > limit)
        return damaged(error, at + 8, "number of items of a table is out of range");
    return check_payload(blob, lut.offset, (uint64_t)lut.count * nnefx_item_size(lut.type), at + 16,
                         error);
}

static int check_scalar(const nnefx_blob *blob, uint32_t index, uint64_t at,
                        nnefx_blob_error *error)
{
    nnefx_scalar scalar = nnefx_blob_scalar(blob, index);
    double limit;
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

static int check_name(const nnefx_blob *blob, uint32_t index, uint64_t at,
                      nnefx_blob_error *error)
{
    const unsigned char *row = blob->data + at;
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

static int check_scale(const nnefx_blob *blob, uint32_t index, uint64_t at,
                       nnefx_blob_error *error)
{
    const unsigned char *row = blob->data + at;
    if (nnefx_u32(row) != index || index >= blob->tensors.count || !is_positive(f64(row + 8)))
        return damaged(error, at, "scale belongs to no tensor");
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

/* Check every record of a section, which begins with a name or not. */
static int all_of(nnefx_blob *blob, const nnefx_section *section, int has_name,
                  int (*check)(const nnefx_blob *, uint32_t, uint64_t, nnefx_blob_error *),
                  nnefx_blob_error *error)
{
    uint32_t i;
    for (i = 0; i < section->count; i++) {
        uint64_t at = section->offset + (uint64_t)i * section->record_size;
        if (has_name && !nnefx_blob_check_text(blob, at, error))
            return 0;
        if (!check(blob, i, at, error))
            return 0;
    }
    return 1;
}

int nnefx_blob_check_records(nnefx_blob *blob, nnefx_blob_error *error)
{
    uint32_t i;
    if (blob->ports.count > MAX_PORTS)
        return damaged(error, blob->ports.offset, "inputs and outputs are more than 4096");
    if (!all_of(blob, &blob->scales, 0, check_scale, error) ||
        !all_of(blob, &blob->tensors, 1, check_tensor, error) ||
        !all_of(blob, &blob->views, 1, check_view, error) ||
        !all_of(blob, &blob->luts, 1, check_lut, error) ||
        !all_of(blob, &blob->scalars, 1, check_scalar, error) ||
        !all_of(blob, &blob->names, 0, check_name, error))
        return 0;
    for (i = 0; i < blob->ports.count; i++)
        if (!check_port(blob, i, error))
            return 0;
    return check_interface(blob, error);
}
