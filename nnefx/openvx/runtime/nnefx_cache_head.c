/* What stands before an export that is kept: see nnefx_cache.h. */
#include <stdlib.h>
#include <string.h>

#include <VX/vx.h>

#include "nnefx_cache.h"
#include "nnefx_reader.h"

enum { KEY = NNEFX_CACHE_KEY, HEAD = KEY + 16 };

static void put32(unsigned char *at, uint32_t value)
{
    at[0] = (unsigned char)value;
    at[1] = (unsigned char)(value >> 8);
    at[2] = (unsigned char)(value >> 16);
    at[3] = (unsigned char)(value >> 24);
}

static void put64(unsigned char *at, uint64_t value)
{
    put32(at, (uint32_t)value);
    put32(at + 4, (uint32_t)(value >> 32));
}

static uint64_t hashed(const char *text, uint64_t hash)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001B3);
    return hash;
}

/* Hash the names of the target's extensions: they change where versions do not. */
static uint64_t hash_extensions(vx_context context, uint64_t hash)
{
    vx_size size = 0;
    char *text;
    if (vxQueryContext(context, VX_CONTEXT_EXTENSIONS_SIZE, &size, sizeof size) != VX_SUCCESS ||
        size == 0 || size > 65536 || !(text = calloc(size + 1, 1)))
        return hash;
    if (vxQueryContext(context, VX_CONTEXT_EXTENSIONS, text, size) == VX_SUCCESS)
        hash = hashed(text, hash);
    free(text);
    return hash;
}

void nnefx_cache_write_key(nnefx_vx_import import, const nnefx_vx_cache *cache,
                           const vx_tensor *given, unsigned char key[KEY])
{
    vx_context context = import->context;
    const vx_uint32 mattering = NNEFX_VX_REAL_TENSORS | NNEFX_VX_PARAMETERS;
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    vx_uint16 vendor = 0, version = 0;
    vx_uint32 kernels = 0, i;
    memset(key, 0, KEY);
    memcpy(key, "NNEFXIX\x1a", 8);
    put32(key + 8, 1); /* the version of this layout */
    put32(key + 12, (uint32_t)sizeof(void *));
    memcpy(key + 16, import->blob.content_id, 32);
    /* The name has a NUL inside of VX_MAX_IMPLEMENTATION_NAME, 64. */
    if (vxQueryContext(context, VX_CONTEXT_IMPLEMENTATION, key + 48, 64) != VX_SUCCESS)
        memset(key + 48, 0, 64);
    key[48 + 63] = 0;
    memset(key + 48 + strlen((char *)key + 48), 0, 64 - strlen((char *)key + 48));
    vxQueryContext(context, VX_CONTEXT_VENDOR_ID, &vendor, sizeof vendor);
    vxQueryContext(context, VX_CONTEXT_VERSION, &version, sizeof version);
    vxQueryContext(context, VX_CONTEXT_UNIQUE_KERNELS, &kernels, sizeof kernels);
    put32(key + 112, vendor);
    put32(key + 116, version);
    put32(key + 120, kernels);
    put32(key + 124, import->flags & mattering);
    for (i = 0; i < import->blob.ports.count; i++)
        hash = hashed(given[nnefx_blob_port(&import->blob, i).tensor] ? "1" : "0", hash);
    put64(key + 128, hash);
    put64(key + 136, hash_extensions(context, UINT64_C(0xCBF29CE484222325)));
    put64(key + 144, hashed(cache->build ? cache->build : "", UINT64_C(0xCBF29CE484222325)));
    put64(key + 152, import->blob.size);
}

vx_size nnefx_cache_head_size(const nnefx_blob *blob)
{
    return (HEAD + 8 * (vx_size)blob->ports.count + 63) / 64 * 64; /* exports begin aligned */
}

const char *nnefx_cache_misfit(nnefx_vx_import import, const unsigned char *head, vx_size size,
                               const unsigned char key[KEY])
{
    vx_size own = nnefx_cache_head_size(&import->blob);
    if (size < HEAD || memcmp(head, key, 8) != 0)
        return "cache is no cache of this loader";
    if (memcmp(head + 16, key + 16, 32) != 0 || memcmp(head + 152, key + 152, 8) != 0)
        return "cache is of another net";
    if (memcmp(head + 48, key + 48, 64) != 0 || memcmp(head + 112, key + 112, 12) != 0 ||
        memcmp(head + 136, key + 136, 16) != 0)
        return "cache is of another target";
    if (memcmp(head, key, KEY) != 0)
        return "cache was made with other options";
    if (size < own || nnefx_u64(head + KEY) != size - own ||
        nnefx_u32(head + KEY + 12) != import->blob.ports.count ||
        nnefx_crc32c(head + own, size - own, nnefx_crc32c(head + HEAD, own - HEAD, 0)) !=
            nnefx_u32(head + KEY + 8))
        return "cache is damaged";
    return NULL;
}

void nnefx_cache_seal(nnefx_vx_import import, unsigned char *head, const void *data, vx_size size)
{
    vx_size own = nnefx_cache_head_size(&import->blob);
    uint32_t port;
    for (port = 0; port < import->blob.ports.count; port++) {
        put32(head + HEAD + 8 * port, import->spans[port].first);
        put32(head + HEAD + 8 * port + 4, import->spans[port].count);
    }
    put64(head + KEY, size);
    put32(head + KEY + 12, import->blob.ports.count);
    put32(head + KEY + 8, nnefx_crc32c(data, size, nnefx_crc32c(head + HEAD, own - HEAD, 0)));
}

void nnefx_cache_spans(nnefx_vx_import import, const unsigned char *head)
{
    uint32_t port;
    for (port = 0; port < import->blob.ports.count; port++) {
        import->spans[port].first = nnefx_u32(head + HEAD + 8 * port);
        import->spans[port].count = nnefx_u32(head + HEAD + 8 * port + 4);
    }
}
