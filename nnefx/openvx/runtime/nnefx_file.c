/* Files in memory. */
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE 1 /* for madvise, beside POSIX */
#endif
#include <limits.h>
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
    if (fseek(stream, 0, SEEK_END) == 0 && (end = ftell(stream)) > 0 && end < LONG_MAX)
        room = (size_t)end; /* a folder says LONG_MAX, and cannot be read */
    if (fseek(stream, 0, SEEK_SET) != 0)
        clearerr(stream);
    room += 1; /* so that the end of the file is met without growing */
    do {
        void *data;
        if (file->size == room || !file->data) {
            if (file->data && room > SIZE_MAX / 2)
                return 0;
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
