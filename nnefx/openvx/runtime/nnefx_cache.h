/* What stands before an export that is kept: a key that says for which net, target and options it
 * is; the size and checksum of the export; the parameters of the graph. For the loader's files. */
#ifndef NNEFX_CACHE_H
#define NNEFX_CACHE_H

#include "nnefx_import.h"

enum { NNEFX_CACHE_KEY = 192 };

vx_size nnefx_cache_head_size(const nnefx_blob *blob);
/* Write what must be the same for a cache to be used: the net by its content id, the target by all
 * that it tells of itself, the options. */
void nnefx_cache_write_key(nnefx_vx_import import, const nnefx_vx_cache *cache,
                           const vx_tensor *given, unsigned char key[NNEFX_CACHE_KEY]);
/* Return why a head does not fit, or NULL; `size` is that of all that was kept. */
const char *nnefx_cache_misfit(nnefx_vx_import import, const unsigned char *head, vx_size size,
                               const unsigned char key[NNEFX_CACHE_KEY]);
/* Complete a head that has its key. */
void nnefx_cache_seal(nnefx_vx_import import, unsigned char *head, const void *data, vx_size size);
/* Take the parameters of the graph from a head that fits. */
void nnefx_cache_spans(nnefx_vx_import import, const unsigned char *head);

#endif
