/* The header, sections and strings of a `.nxvx` file: see nnefx_blob.h. */
#include <stdio.h>
#include <string.h>

#include "nnefx_reader.h"

#define HEADER 128u
#define ENTRY 48u
#define REQUIRED 1u

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

int nnefx_blob_check(nnefx_blob *blob, const void *data, size_t size, unsigned flags,
                     nnefx_blob_error *error)
{
    memset(blob, 0, sizeof *blob);
    memset(error, 0, sizeof *error);
    blob->data = data;
    blob->size = size;
    return check_header(blob, error) && check_sections(blob, flags, error) &&
           check_strings(blob, error) && nnefx_blob_check_records(blob, error) &&
           nnefx_blob_check_calls(blob, error);
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
