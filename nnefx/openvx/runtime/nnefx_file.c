/* Files in memory, and the checksum of their contents. */
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE 1 /* for madvise, beside POSIX */
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nnefx_reader.h"

#if defined(__unix__) || defined(__APPLE__)
#define HAS_MMAP 1
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#ifdef HAS_MMAP
/* Private and writable: targets take handles as plain pointers, and clean pages stay shared. */
static int map_file(nnefx_file *file, const char *path)
{
    struct stat status;
    void *data;
    int descriptor = open(path, O_RDONLY | O_NONBLOCK);
    if (descriptor < 0)
        return 0;
    if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0 ||
        (uintmax_t)status.st_size > SIZE_MAX) {
        close(descriptor);
        return 0;
    }
    data = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
    close(descriptor);
    if (data == MAP_FAILED)
        return 0;
    file->data = data;
    file->size = (size_t)status.st_size;
    file->is_mapped = 1;
    return 1;
}
#endif

/* Read all of a stream, whose size may not be known, into memory that grows. */
static int read_file(nnefx_file *file, FILE *stream)
{
    size_t room = 0, got;
    long end;
    if (fseek(stream, 0, SEEK_END) == 0 && (end = ftell(stream)) > 0)
        room = (size_t)end;
    if (fseek(stream, 0, SEEK_SET) != 0)
        clearerr(stream);
    room += 1; /* so that the end of the file is met without growing */
    do {
        void *data;
        if (file->size == room || !file->data) {
            room = file->data ? 2 * room : room;
            data = realloc(file->data, room);
            if (!data)
                return 0;
            file->data = data;
        }
        got = fread((char *)file->data + file->size, 1, room - file->size, stream);
        file->size += got;
    } while (got > 0);
    return !ferror(stream);
}

int nnefx_file_open(nnefx_file *file, const char *path, int may_map, nnefx_blob_error *error)
{
    FILE *stream;
    int fine;
    memset(file, 0, sizeof *file);
#ifdef HAS_MMAP
    if (may_map && map_file(file, path))
        return 1;
#else
    (void)may_map;
#endif
    stream = fopen(path, "rb");
    if (!stream)
        return nnefx_blob_fail(error, NNEFX_BLOB_NO_FILE, 0, "file cannot be opened");
    fine = read_file(file, stream);
    fclose(stream);
    if (!fine) {
        nnefx_file_close(file);
        return nnefx_blob_fail(error, NNEFX_BLOB_NO_FILE, 0, "file cannot be read");
    }
    return 1;
}

/* Let the system drop pages of a map that were copied: they can be read again. */
void nnefx_file_forget(const nnefx_file *file, const void *data, size_t size)
{
#if defined(HAS_MMAP) && defined(MADV_DONTNEED)
    const size_t page = 65536; /* a multiple of the usual sizes of pages */
    size_t from, to;
    if (!file->is_mapped)
        return;
    from = (size_t)((const char *)data - (const char *)file->data);
    to = (from + size) / page * page;
    from = (from + page - 1) / page * page;
    if (from < to)
        madvise((char *)file->data + from, to - from, MADV_DONTNEED);
#else
    (void)file, (void)data, (void)size;
#endif
}

void nnefx_file_close(nnefx_file *file)
{
#ifdef HAS_MMAP
    if (file->is_mapped)
        munmap(file->data, file->size);
    else
#endif
        free(file->data);
    memset(file, 0, sizeof *file);
}

/* CRC-32C. What is short goes four bits a step; for what is long, eight bytes a step, the tables
 * are made first. Nothing is shared between threads. */
static uint32_t crc_short(const unsigned char *at, size_t size, uint32_t crc)
{
    static const uint32_t table[16] = {
        0x00000000u, 0x105EC76Fu, 0x20BD8EDEu, 0x30E349B1u,
        0x417B1DBCu, 0x5125DAD3u, 0x61C69362u, 0x7198540Du,
        0x82F63B78u, 0x92A8FC17u, 0xA24BB5A6u, 0xB21572C9u,
        0xC38D26C4u, 0xD3D3E1ABu, 0xE330A81Au, 0xF36E6F75u};
    for (; size; size--, at++) {
        crc ^= *at;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

static void make_tables(uint32_t table[8][256])
{
    uint32_t i, j;
    for (i = 0; i < 256; i++) {
        const unsigned char octet = (unsigned char)i;
        table[0][i] = crc_short(&octet, 1, 0);
    }
    for (j = 1; j < 8; j++)
        for (i = 0; i < 256; i++)
            table[j][i] = table[j - 1][i] >> 8 ^ table[0][table[j - 1][i] & 0xFF];
}

static uint32_t crc_long(const unsigned char *at, size_t steps, uint32_t crc)
{
    uint32_t table[8][256];
    make_tables(table);
    for (; steps; steps--, at += 8) {
        uint32_t low = crc ^ nnefx_u32(at), high = nnefx_u32(at + 4);
        crc = table[7][low & 0xFF] ^ table[6][low >> 8 & 0xFF] ^ table[5][low >> 16 & 0xFF] ^
              table[4][low >> 24] ^ table[3][high & 0xFF] ^ table[2][high >> 8 & 0xFF] ^
              table[1][high >> 16 & 0xFF] ^ table[0][high >> 24];
    }
    return crc;
}

uint32_t nnefx_crc32c(const void *data, size_t size, uint32_t crc)
{
    const unsigned char *at = data;
    crc = ~crc;
    if (size >= 8192) {
        crc = crc_long(at, size / 8, crc);
        at += size / 8 * 8;
        size %= 8;
    }
    return ~crc_short(at, size, crc);
}
