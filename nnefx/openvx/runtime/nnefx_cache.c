/* The target's own form of a net, kept for the next start; see nnefx_vx.h and docs/blob.md. */
#if !defined(_POSIX_C_SOURCE) && !defined(_DEFAULT_SOURCE)
#define _POSIX_C_SOURCE 200112L /* for getpid and fdopen */
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <VX/vx.h>

#include "nnefx_cache.h"
#include "nnefx_target.h"

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <unistd.h>
#define HAS_POSIX 1
#define OWN_NUMBER ((long)getpid())
#else
#define OWN_NUMBER 0L
#endif

/* The uses of vx_khr_ix: its header is in the way of those of other extensions, so it is left. */
enum { SUPPLIED = 0x18000, WITH_VALUES, WITHOUT_VALUES };

#undef vxReleaseImport /* NNEFX_VX_SEED_NAMES means another one */
#if defined(NNEFX_VX_EXPORT) || defined(NNEFX_VX_WEAK)
vx_status VX_API_CALL vxExportObjectsToMemory(vx_context, vx_size, const vx_reference *,
                                              const vx_enum *, const vx_uint8 **, vx_size *);
vx_status VX_API_CALL vxReleaseExportedMemory(vx_context, const vx_uint8 **);
struct _vx_import *VX_API_CALL vxImportObjectsFromMemory(vx_context, vx_size, vx_reference *,
                                                         const vx_enum *, const vx_uint8 *,
                                                         vx_size);
vx_status VX_API_CALL vxReleaseImport(struct _vx_import **);
#ifndef NNEFX_VX_EXPORT
#pragma weak vxExportObjectsToMemory
#pragma weak vxReleaseExportedMemory
#pragma weak vxImportObjectsFromMemory
#pragma weak vxReleaseImport
#endif
#define HAS_LINKED 1
#endif

/* Return the functions of the extension; without any where the target has none. */
static nnefx_vx_exchange exchange_of(const nnefx_vx_cache *cache)
{
    nnefx_vx_exchange found;
    memset(&found, 0, sizeof found);
    if (cache->functions)
        return *cache->functions;
#ifdef HAS_LINKED
    found.export_objects = vxExportObjectsToMemory;
    found.release_exported = vxReleaseExportedMemory;
    found.import_objects = vxImportObjectsFromMemory;
    found.release_import = vxReleaseImport;
#endif
    return found;
}

static int is_complete(const nnefx_vx_exchange *with)
{
    return with->export_objects && with->release_exported && with->import_objects &&
           with->release_import;
}

static void tell(nnefx_vx_import import, nnefx_vx_cache_use use, const char *note)
{
    import->cache_use = use;
    snprintf(import->cache_note, sizeof import->cache_note, "%s", note);
}

/* ---- What is exported ---- */

/* The graph, the inputs and outputs, and what is filled beforehand: its parts are written by nodes,
 * and a target would not keep what stands between them. */
struct objects {
    vx_size count;
    vx_reference *references;
    vx_enum *uses;
    uint32_t *tensors; /* which tensor of the file it is; the graph's entry is not used */
};

static void free_objects(struct objects *objects)
{
    free(objects->references);
    free(objects->uses);
    free(objects->tensors);
}

static void enlist(struct objects *objects, uint32_t tensor, vx_enum use)
{
    objects->uses[objects->count] = use;
    objects->tensors[objects->count++] = tensor;
}

static int list_objects(nnefx_vx_import import, const vx_tensor *given, struct objects *objects)
{
    const nnefx_blob *blob = &import->blob;
    size_t most = (size_t)blob->tensors.count + 1;
    uint32_t i;
    objects->count = 0;
    objects->references = calloc(most, sizeof *objects->references);
    objects->uses = calloc(most, sizeof *objects->uses);
    objects->tensors = calloc(most, sizeof *objects->tensors);
    if (!objects->references || !objects->uses || !objects->tensors)
        return 0;
    enlist(objects, 0, WITH_VALUES); /* the graph: its use does not count */
    for (i = 0; i < blob->ports.count; i++) {
        uint32_t tensor = nnefx_blob_port(blob, i).tensor;
        enlist(objects, tensor, given[tensor] ? SUPPLIED : WITHOUT_VALUES);
    }
    for (i = 0; i < blob->tensors.count; i++)
        if (nnefx_blob_tensor(blob, i).kind >= NNEFX_PREFILLED)
            enlist(objects, i, WITH_VALUES);
    return 1;
}

/* ---- Reading ---- */

/* Take what the target imported as objects of the import; 0 where something is missing. */
static int adopt(nnefx_vx_import import, struct objects *objects, const unsigned char *head)
{
    vx_size i;
    for (i = 0; i < objects->count; i++)
        if (check(objects->references[i]) != VX_SUCCESS)
            return 0;
    for (i = 1; i < objects->count; i++) {
        nnefx_tensor entry = nnefx_blob_tensor(&import->blob, objects->tensors[i]);
        struct nnefx_shape shape = nnefx_shape_of(&entry);
        if (nnefx_compare_tensor((vx_tensor)objects->references[i], &shape) != VX_SUCCESS)
            return 0; /* the content id is the word of whoever wrote the blob */
    }
    import->graph = (vx_graph)objects->references[0];
    import->owns_graph = 1;
    for (i = 1; i < objects->count; i++)
        import->objects.tensors[objects->tensors[i]] = (vx_tensor)objects->references[i];
    nnefx_cache_spans(import, head);
    return 1;
}

/* Give back what an import left that cannot be used. */
static void discard(nnefx_vx_import import, struct objects *objects, const vx_tensor *given,
                    int has_import)
{
    vx_size i;
    for (i = 0; i < objects->count; i++) {
        uint32_t tensor = objects->tensors[i];
        if (i && given[tensor]) {
            if (import->objects.tensors[tensor])
                vxReleaseTensor(&import->objects.tensors[tensor]);
            import->origin[tensor] = MADE;
        } else if (has_import && check(objects->references[i]) == VX_SUCCESS) {
            vxReleaseReference(&objects->references[i]);
        }
    }
}

static int import_from(nnefx_vx_import import, const nnefx_vx_exchange *with,
                       const vx_tensor *given, const unsigned char *head, vx_size size)
{
    vx_size own = nnefx_cache_head_size(&import->blob), i;
    struct _vx_import *made = NULL;
    struct objects objects;
    int fine = list_objects(import, given, &objects);
    for (i = 1; fine && i < objects.count; i++) {
        vx_tensor own_tensor = given[objects.tensors[i]];
        fine = !own_tensor ||
               nnefx_take_tensor(import, objects.tensors[i], own_tensor) == VX_SUCCESS;
        objects.references[i] = (vx_reference)own_tensor;
    }
    if (fine)
        made = with->import_objects(import->context, objects.count, objects.references,
                                    objects.uses, head + own, size - own);
    fine = check((vx_reference)made) == VX_SUCCESS && adopt(import, &objects, head);
    if (!fine)
        discard(import, &objects, given, made != NULL);
    if (made)
        with->release_import(&made);
    free_objects(&objects);
    return fine;
}

/* Khronos' sample implementation crashes when it imports tables, or tensors that are parts of
 * others: no caller survives to find that out. */
static int would_crash(nnefx_vx_import import)
{
    char name[65] = "";
    if (!import->blob.luts.count && !import->blob.views.count)
        return 0;
    vxQueryContext(import->context, VX_CONTEXT_IMPLEMENTATION, name, 64);
    return strncmp(name, "khronos.sample", 14) == 0;
}

/* Return whether a cache can be used at all, and tell if not. */
static int is_possible(nnefx_vx_import import, const nnefx_vx_options *options,
                       nnefx_vx_exchange *with)
{
    const vx_uint32 against = NNEFX_VX_ZERO_COPY | NNEFX_VX_NO_VERIFY;
    if (!options->cache || options->graph || import->flags & against)
        return 0;
    *with = exchange_of(options->cache);
    if (!is_complete(with))
        tell(import, NNEFX_VX_CACHE_FAILED, "target exports nothing: it lacks vx_khr_ix");
    else if (would_crash(import))
        tell(import, NNEFX_VX_CACHE_FAILED, "target cannot import tables and parts of tensors");
    else
        return 1;
    return 0;
}

int nnefx_cache_read(nnefx_vx_import import, const nnefx_vx_options *options)
{
    const nnefx_vx_cache *cache = options->cache;
    nnefx_vx_exchange with;
    nnefx_blob_error error;
    nnefx_file file;
    unsigned char key[NNEFX_CACHE_KEY];
    const void *data = NULL;
    const char *why;
    vx_size size = 0;
    vx_tensor *given;
    given = is_possible(import, options, &with) ? nnefx_given_tensors(import, options) : NULL;
    if (!given)
        return 0;
    nnefx_cache_write_key(import, cache, given, key);
    memset(&file, 0, sizeof file);
    if (!cache->path) {
        if (!cache->load || !cache->load(cache->user, &data, &size))
            size = 0;
    } else if (nnefx_file_open(&file, cache->path, !(import->flags & NNEFX_VX_READ_FILE),
                               &error)) {
        data = file.data;
        size = file.size;
    }
    why = size ? nnefx_cache_misfit(import, data, size, key) : "cache is empty";
    if (!why && !import_from(import, &with, given, data, size))
        why = "target refuses what it exported";
    free(given);
    nnefx_file_close(&file);
    tell(import, why ? NNEFX_VX_CACHE_FAILED : NNEFX_VX_CACHE_READ, why ? why : "");
    return !why;
}

/* ---- Writing ---- */

/* Make a file that was not there: another thread or process may write its own beside this one, and
 * a link that somebody placed must not lead elsewhere. */
static FILE *create(const char *path)
{
#ifdef HAS_POSIX
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "wb");
    if (descriptor >= 0 && !file) {
        close(descriptor);
        remove(path);
    }
    return file;
#else
    return fopen(path, "wb");
#endif
}

/* Move a file to where another may stand. */
static int move(const char *from, const char *to)
{
    if (rename(from, to) == 0)
        return 1;
#ifndef HAS_POSIX
    remove(to); /* a file cannot be renamed over another here */
    return rename(from, to) == 0;
#else
    return 0;
#endif
}

/* Whether a net stands at the path: a mistaken path must not cost it. */
static int is_blob(const char *path)
{
    char start[8];
    FILE *file = fopen(path, "rb");
    int found = file && fread(start, 1, sizeof start, file) == sizeof start &&
                memcmp(start, "NNEFXVX\x1a", sizeof start) == 0;
    if (file)
        fclose(file);
    return found;
}

/* Write beside the file and rename, so that no reader meets half of it. */
static int write_file(const char *path, const void *head, vx_size head_size, const void *data,
                      vx_size size)
{
    size_t room = strlen(path) + 48;
    char *beside = malloc(room);
    FILE *file = NULL;
    int fine = 0, number;
    for (number = 0; beside && !file && number < 100; number++) {
        snprintf(beside, room, "%s.%ld.%d.new", path, OWN_NUMBER, number);
        errno = 0;
        file = create(beside);
        if (!file && errno != EEXIST)
            break;
    }
    if (file) {
        fine = fwrite(head, 1, head_size, file) == head_size &&
               fwrite(data, 1, size, file) == size;
        fine = fclose(file) == 0 && fine;
        fine = fine && move(beside, path);
        if (!fine)
            remove(beside);
    }
    free(beside);
    return fine;
}

static int keep(nnefx_vx_import import, const nnefx_vx_cache *cache, const vx_tensor *given,
                const void *data, vx_size size)
{
    vx_size own = nnefx_cache_head_size(&import->blob);
    unsigned char *head = calloc(1, own);
    int fine = 0;
    if (!head)
        return 0;
    nnefx_cache_write_key(import, cache, given, head);
    nnefx_cache_seal(import, head, data, size);
    if (cache->path)
        fine = !is_blob(cache->path) && write_file(cache->path, head, own, data, size);
    else if (cache->store)
        fine = cache->store(cache->user, head, own, data, size);
    free(head);
    return fine;
}

static vx_status export_all(nnefx_vx_import import, const nnefx_vx_exchange *with,
                            const vx_tensor *given, const vx_uint8 **data, vx_size *size)
{
    struct objects objects;
    vx_status status = VX_ERROR_NO_MEMORY;
    vx_size i;
    if (list_objects(import, given, &objects)) {
        objects.references[0] = (vx_reference)import->graph;
        for (i = 1; i < objects.count; i++)
            objects.references[i] = (vx_reference)import->objects.tensors[objects.tensors[i]];
        status = with->export_objects(import->context, objects.count, objects.references,
                                      objects.uses, data, size);
    }
    free_objects(&objects);
    return status;
}

void nnefx_cache_write(nnefx_vx_import import, const nnefx_vx_options *options)
{
    nnefx_vx_exchange with;
    const vx_uint8 *data = NULL;
    vx_tensor *given;
    vx_size size = 0;
    given = is_possible(import, options, &with) ? nnefx_given_tensors(import, options) : NULL;
    if (!given)
        return;
    if (export_all(import, &with, given, &data, &size) != VX_SUCCESS || !data)
        tell(import, NNEFX_VX_CACHE_FAILED, "target does not export the graph");
    else if (!keep(import, options->cache, given, data, size))
        tell(import, NNEFX_VX_CACHE_FAILED, "cache cannot be written");
    else
        import->cache_use = NNEFX_VX_CACHE_WRITTEN; /* the note says why it had to be */
    if (data)
        with.release_exported(import->context, &data);
    free(given);
}
