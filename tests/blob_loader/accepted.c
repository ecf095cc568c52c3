/* Flips the topmost bit of each byte behind the header of a blob in turn, and prints whether the
 * file is still accepted: "OFFSET 1", else "OFFSET 0". Checksums do not count.
 *
 *     program NET.nxvx
 */
#include <stdio.h>

#include "nnefx_blob.h"

int main(int argc, char **argv)
{
    nnefx_blob_error error;
    nnefx_blob blob;
    nnefx_file file;
    unsigned char *data;
    size_t at;
    if (argc != 2 || !nnefx_file_open(&file, argv[1], 0, &error))
        return 2;
    data = file.data;
    for (at = 128; at < file.size; at++) {
        data[at] ^= 0x80;
        printf("%lu %d\n", (unsigned long)at,
               nnefx_blob_check(&blob, data, file.size, 0, &error));
        data[at] ^= 0x80;
    }
    nnefx_file_close(&file);
    return 0;
}
