/* Feeds any bytes to the reader of blobs, and reads all of what it accepts, as the loader does.
 * For libFuzzer, here with the folder nnefx/openvx/runtime as RUNTIME:
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
 *     -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION -I$RUNTIME tests/blob_fuzz/fuzz_blob.c \
 *     $RUNTIME/nnefx_{blob,records,calls,file,crc}.c -o fuzz
 *   ./fuzz -max_len=14000 CORPUS_FOLDER
 *
 * With -DSTANDALONE it is a program that mutates its seed files itself:
 *
 *   program RUNS SEED_FILE...
 *
 * corpus.tar.xz is what libFuzzer kept of its long runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nnefx_blob.h"

static volatile uint64_t sink; /* so that no read is optimized away */

static void read_text(const char *text)
{
    sink += strlen(text);
}

static void read_bytes(const nnefx_blob *blob, uint64_t offset, uint64_t size)
{
    uint64_t i;
    for (i = 0; i < size; i += 61)
        sink += blob->data[offset + i];
    if (size)
        sink += blob->data[offset + size - 1];
}

static void read_objects(const nnefx_blob *blob)
{
    uint32_t i, kind, index;
    for (i = 0; i < blob->tensors.count; i++) {
        nnefx_tensor tensor = nnefx_blob_tensor(blob, i);
        read_text(tensor.name);
        read_text(tensor.label);
        read_text(tensor.source);
        nnefx_blob_find(blob, tensor.name, &kind, &index);
        if (tensor.kind == NNEFX_CONST)
            read_bytes(blob, tensor.offset, tensor.size);
    }
    for (i = 0; i < blob->views.count; i++) {
        nnefx_view view = nnefx_blob_view(blob, i);
        read_text(view.name);
        read_text(nnefx_blob_tensor(blob, view.parent).name);
    }
    for (i = 0; i < blob->luts.count; i++) {
        nnefx_lut lut = nnefx_blob_lut(blob, i);
        read_bytes(blob, lut.offset, (uint64_t)lut.count * nnefx_item_size(lut.type));
    }
    for (i = 0; i < blob->scalars.count; i++)
        read_text(nnefx_blob_scalar(blob, i).name);
}

static void read_nodes(const nnefx_blob *blob)
{
    uint32_t i, j;
    for (i = 0; i < blob->nodes.count; i++) {
        nnefx_node node = nnefx_blob_node(blob, i);
        read_text(node.source);
        for (j = 0; j < node.count; j++) {
            const nnefx_arg *arg = &node.args[j];
            if (arg->kind == NNEFX_TENSOR)
                read_text(nnefx_blob_tensor(blob, arg->index).name);
            if (arg->kind == NNEFX_VIEW)
                read_text(nnefx_blob_view(blob, arg->index).name);
            if (arg->kind == NNEFX_LUT)
                read_text(nnefx_blob_lut(blob, arg->index).name);
            if (arg->kind == NNEFX_SCALAR)
                read_text(nnefx_blob_scalar(blob, arg->index).name);
        }
    }
    for (i = 0; i < blob->ports.count; i++)
        read_text(nnefx_blob_port(blob, i).name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nnefx_blob blob;
    nnefx_blob_error error;
    if (!nnefx_blob_check(&blob, data, size, NNEFX_BLOB_CHECK_DATA, &error)) {
        if (error.code == NNEFX_BLOB_FINE || !error.message[0])
            abort();
        return 0;
    }
    read_objects(&blob);
    read_nodes(&blob);
    return 0;
}

#ifdef STANDALONE
static uint64_t state = UINT64_C(0x9E3779B97F4A7C15);

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

/* Numbers that are near to what checks compare with. */
static uint64_t number(size_t size)
{
    static const uint64_t edges[] = {0, 1, 2, 4, 6, 7, 63, 64, 255, 65535, 0x7FFFFFFF, 0x80000000,
                                     0xFFFFFFFF, UINT64_C(1) << 40, UINT64_C(1) << 62, UINT64_MAX};
    if (draw(4) == 0)
        return draw(size + 64);
    return edges[draw(sizeof edges / sizeof *edges)] + draw(3) - 1;
}

static size_t mutate(unsigned char *data, size_t size, size_t tables)
{
    uint64_t count = 1 + draw(4), value, i;
    for (i = 0; i < count; i++) {
        size_t width = (size_t)1 << draw(4);
        size_t at = draw(8) ? draw(tables) / width * width : draw(size);
        if (at + width > size)
            continue;
        value = number(size);
        if (draw(3) == 0)
            data[at] ^= (unsigned char)(1u << draw(8));
        else
            memcpy(data + at, &value, width);
    }
    return draw(16) ? size : (size_t)draw(size);
}

/* A copy of its own size, so that a sanitizer sees every read behind its end. */
static void run(const unsigned char *data, size_t size)
{
    unsigned char *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

int main(int argc, char **argv)
{
    long runs = argc > 2 ? atol(argv[1]) : 0, i;
    int seed;
    for (seed = 2; seed < argc; seed++) {
        nnefx_file file;
        nnefx_blob_error error;
        unsigned char *work;
        if (!nnefx_file_open(&file, argv[seed], 0, &error)) {
            fprintf(stderr, "%s: %s\n", argv[seed], error.message);
            return 2;
        }
        work = malloc(file.size + 1);
        if (!work)
            return 2;
        run(file.data, file.size);
        for (i = 0; i < runs / (argc - 2); i++) {
            memcpy(work, file.data, file.size);
            run(work, mutate(work, file.size, file.size < 4096 ? file.size : 4096));
        }
        free(work);
        nnefx_file_close(&file);
    }
    printf("%ld runs\n", runs);
    return 0;
}
#endif
