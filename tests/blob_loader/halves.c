/* Prints half floats as real numbers and real numbers as half floats, by the conversion that the
 * loader and C projects share: program REALS, a file of float32. */
#include <stdio.h>
#include <stdlib.h>

#include "nnefx_target.h"

int main(int argc, char **argv)
{
    static float values[65536];
    static vx_uint16 bits[65536];
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    size_t count, i;
    for (i = 0; i < 65536; i++)
        bits[i] = (vx_uint16)i;
    if (!file || load_all(bits, VX_TYPE_FLOAT16, 65536, values, 1.0) != VX_SUCCESS)
        return 2;
    fwrite(values, sizeof *values, 65536, stdout);
    count = fread(values, sizeof *values, 65536, file);
    fclose(file);
    if (store_all(bits, VX_TYPE_FLOAT16, count, values, 2.0) != VX_SUCCESS)
        return 2;
    fwrite(bits, sizeof *bits, count, stdout);
    return 0;
}
