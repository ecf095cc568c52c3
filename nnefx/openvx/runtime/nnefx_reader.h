/* What the files of the reader share; see nnefx_blob.h. */
#ifndef NNEFX_READER_H
#define NNEFX_READER_H

#include "nnefx_blob.h"

uint32_t nnefx_u32(const unsigned char *at);
uint64_t nnefx_u64(const unsigned char *at);
const unsigned char *nnefx_record(const nnefx_blob *blob, const nnefx_section *section,
                                  uint32_t index);
int nnefx_blob_fail(nnefx_blob_error *error, nnefx_blob_code code, uint64_t offset,
                    const char *message);
int nnefx_blob_check_text(const nnefx_blob *blob, uint64_t at, nnefx_blob_error *error);
const char *nnefx_text(const nnefx_blob *blob, uint32_t offset);
int nnefx_blob_check_records(nnefx_blob *blob, nnefx_blob_error *error);
int nnefx_blob_check_calls(const nnefx_blob *blob, nnefx_blob_error *error);

#endif
