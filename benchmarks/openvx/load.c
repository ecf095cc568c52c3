/* Loads a blob and prints the time in s until its graph is there, and how much that added to the
 * peak of resident memory in bytes:  program NET.nxvx FLAGS */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nnefx_vx.h"

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The peak of what Linux calls resident. */
static long long peak(void)
{
    char line[256];
    long long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kilobytes = atoll(line + 6);
    if (file)
        fclose(file);
    return kilobytes * 1024;
}

int main(int argc, char **argv)
{
    vx_context context = vxCreateContext();
    long long before = peak();
    double start = now(), taken;
    nnefx_vx_import net;
    if (argc != 3)
        return 2;
    net = nnefxVxImportBinaryFile(context, argv[1], (vx_uint32)atoi(argv[2]), NULL);
    taken = now() - start;
    if (nnefxVxImportStatus(net) != VX_SUCCESS) {
        fprintf(stderr, "%s\n", nnefxVxImportError(net));
        return 1;
    }
    printf("%.9f %lld\n", taken, peak() - before);
    nnefxVxReleaseImport(&net);
    vxReleaseContext(&context);
    return 0;
}
