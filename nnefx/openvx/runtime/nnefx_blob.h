/* Reading of `.nxvx` files (docs/blob.md), without OpenVX: every number of a file is checked before
 * anything is made of it. C99, no allocation but for the check of what calls write. */
#ifndef NNEFX_BLOB_H
#define NNEFX_BLOB_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    NNEFX_BLOB_FINE = 0,
    NNEFX_BLOB_NO_FILE,     /* cannot be opened or read */
    NNEFX_BLOB_NO_MEMORY,
    NNEFX_BLOB_NO_BLOB,     /* another kind of file */
    NNEFX_BLOB_VERSION,     /* of a version, or with a part, that this reader does not know */
    NNEFX_BLOB_DAMAGED,     /* a checksum, size, offset or index is wrong */
    NNEFX_BLOB_WRONG_PLAN,  /* well-formed, but no graph can be built from it */
    NNEFX_BLOB_TARGET       /* OpenVX refused something */
} nnefx_blob_code;

/* What is wrong, and at which byte of the file. */
typedef struct {
    nnefx_blob_code code;
    uint64_t offset;
    char message[160];
} nnefx_blob_error;

/* Kinds of tensors. */
enum {
    NNEFX_INPUT, NNEFX_OUTPUT, NNEFX_CONST, NNEFX_VIRTUAL, NNEFX_PREFILLED, NNEFX_STATE
};

/* Types of numbers. */
enum {
    NNEFX_INT8 = 1, NNEFX_UINT8, NNEFX_INT16, NNEFX_UINT16, NNEFX_INT32, NNEFX_FLOAT16,
    NNEFX_FLOAT32
};

/* Kinds of arguments; the first four are kinds of objects too. */
enum {
    NNEFX_TENSOR, NNEFX_VIEW, NNEFX_LUT, NNEFX_SCALAR, NNEFX_INT, NNEFX_ENUM, NNEFX_FLOAT,
    NNEFX_NULL
};

/* Node operations. */
enum {
    NNEFX_CONVOLUTION = 1, NNEFX_FULLY_CONNECTED, NNEFX_POOLING, NNEFX_SOFTMAX, NNEFX_NORMALIZATION,
    NNEFX_ACTIVATION, NNEFX_ROI_POOLING, NNEFX_DECONVOLUTION, NNEFX_CONVOLUTION_EXT2,
    NNEFX_NORMALIZATION_2,
    NNEFX_ADD = 16, NNEFX_SUBTRACT, NNEFX_MULTIPLY, NNEFX_TABLE_LOOKUP, NNEFX_TRANSPOSE,
    NNEFX_CONVERT_DEPTH, NNEFX_MATRIX_MULTIPLY
};

enum { NNEFX_MAX_RANK = 6, NNEFX_MAX_PORT_RANK = 8, NNEFX_MAX_ARGS = 16 };

/* Flags of nnefx_blob_check. */
enum { NNEFX_BLOB_CHECK_DATA = 1 }; /* compare the checksum of the weights too: reads all of them */

typedef struct {
    uint64_t offset, size;
    uint32_t record_size, count, crc;
} nnefx_section;

/* A file that was checked. */
typedef struct {
    const unsigned char *data;
    uint64_t size;
    uint32_t profile, max_rank, max_args;
    uint32_t inputs, outputs; /* how many of the ports */
    unsigned char content_id[32];
    nnefx_section strings, tensors, views, luts, scalars, nodes, args, ports, names, scales;
    nnefx_section payloads;
} nnefx_blob;

typedef struct {
    const char *name, *label, *source; /* of the object, its NNEF variable, its NNEF identifier */
    uint32_t kind, type, rank;
    int32_t position, fill;
    uint64_t dims[NNEFX_MAX_RANK], offset, size;
    double scale; /* stored = real * scale * 2^position */
} nnefx_tensor;

typedef struct {
    const char *name;
    uint32_t parent, rank;
    uint64_t start[NNEFX_MAX_RANK], end[NNEFX_MAX_RANK];
} nnefx_view;

typedef struct {
    const char *name;
    uint32_t type, count;
    uint64_t offset;
} nnefx_lut;

typedef struct {
    const char *name;
    uint32_t type;
    double value;
} nnefx_scalar;

typedef struct {
    uint32_t kind, index;
    uint64_t value;
} nnefx_arg;

typedef struct {
    const char *source; /* the NNEF identifier of its first result */
    uint32_t op, count;
    nnefx_arg args[NNEFX_MAX_ARGS];
} nnefx_node;

/* An input or output of the net: its tensor, and its NNEF name and shape, outermost first. */
typedef struct {
    uint32_t tensor, is_output, rank;
    const char *name;
    uint64_t shape[NNEFX_MAX_PORT_RANK], count;
} nnefx_port;

/* Check all of a file in memory and fill `blob`. The memory must stay. 0 where it is wrong. */
int nnefx_blob_check(nnefx_blob *blob, const void *data, size_t size, unsigned flags,
                     nnefx_blob_error *error);

/* Records of a file that was checked; indices are below the counts of their sections. */
nnefx_tensor nnefx_blob_tensor(const nnefx_blob *blob, uint32_t index);
nnefx_view nnefx_blob_view(const nnefx_blob *blob, uint32_t index);
nnefx_lut nnefx_blob_lut(const nnefx_blob *blob, uint32_t index);
nnefx_scalar nnefx_blob_scalar(const nnefx_blob *blob, uint32_t index);
nnefx_node nnefx_blob_node(const nnefx_blob *blob, uint32_t index);
nnefx_port nnefx_blob_port(const nnefx_blob *blob, uint32_t index);

/* Find an object by its name, NNEF identifier or label; 0 where there is none. */
int nnefx_blob_find(const nnefx_blob *blob, const char *name, uint32_t *kind, uint32_t *index);

uint32_t nnefx_item_size(uint32_t type);
float nnefx_float_of(uint64_t value); /* the argument of a NNEFX_FLOAT */
uint32_t nnefx_crc32c(const void *data, size_t size, uint32_t crc);

/* A file in memory: mapped where that is possible, else read. */
typedef struct {
    void *data;
    size_t size;
    int is_mapped;
} nnefx_file;

int nnefx_file_open(nnefx_file *file, const char *path, int may_map, nnefx_blob_error *error);
void nnefx_file_forget(const nnefx_file *file, const void *data, size_t size); /* after its use */
void nnefx_file_close(nnefx_file *file);

#ifdef __cplusplus
}
#endif
#endif
