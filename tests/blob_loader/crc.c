/* Prints checksums of parts of a file, some of them continued from others: program FILE */
#include <stdio.h>

#include "nnefx_blob.h"

int main(int argc, char **argv)
{
    static const size_t sizes[] = {0, 1, 7, 8, 63, 8191, 8192, 30001};
    static unsigned char data[40000];
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    uint32_t start;
    size_t i;
    if (!file || fread(data, 1, sizeof data, file) != sizeof data)
        return 2;
    fclose(file);
    for (start = 0; start < 9; start++)
        for (i = 0; i < sizeof sizes / sizeof *sizes; i++)
            printf("%08lx\n", (unsigned long)nnefx_crc32c(data + start, sizes[i], start));
    return 0;
}
