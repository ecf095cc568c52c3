/* Loads a blob, runs it once, and prints: time in s until the graph is there, time until the run is
 * over, processor time of both, page faults, and how much they added to the peak of resident memory
 * in bytes.
 *
 *   program NET.nxvx FLAGS    or, for the least that a copy of so many bytes takes,
 *   program - BYTES           which fills and reads fresh memory */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "nnefx_vx.h"

enum { BLOCKS = 64 };

void *fresh_memory(size_t size); /* of counting.c */

static double now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static long faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
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

static volatile unsigned long long sum;

/* Fill blocks of fresh memory, then read them. */
static double fill(size_t size)
{
    unsigned long long *blocks[BLOCKS];
    double filled;
    size_t i, j;
    for (i = 0; i < BLOCKS; i++) {
        blocks[i] = fresh_memory(size / BLOCKS);
        memset(blocks[i], 1, size / BLOCKS);
    }
    filled = now(CLOCK_MONOTONIC);
    for (i = 0; i < BLOCKS; i++)
        for (j = 0; j < size / BLOCKS / sizeof **blocks; j++)
            sum += blocks[i][j];
    return filled;
}

static double load(const char *path, vx_uint32 flags)
{
    nnefx_vx_import net = nnefxVxImportBinaryFile(vxCreateContext(), path, flags, NULL);
    double loaded = now(CLOCK_MONOTONIC);
    if (nnefxVxImportStatus(net) != VX_SUCCESS || nnefxVxProcess(net) != VX_SUCCESS) {
        fprintf(stderr, "%s\n", nnefxVxImportError(net));
        exit(1);
    }
    return loaded;
}

int main(int argc, char **argv)
{
    long long before = peak();
    long faults_before = faults();
    double start = now(CLOCK_MONOTONIC), used = now(CLOCK_PROCESS_CPUTIME_ID), there;
    if (argc != 3)
        return 2;
    there = argv[1][0] == '-' ? fill((size_t)atoll(argv[2]))
                              : load(argv[1], (vx_uint32)atoi(argv[2]));
    printf("%.9f %.9f %.9f %ld %lld\n", there - start, now(CLOCK_MONOTONIC) - start,
           now(CLOCK_PROCESS_CPUTIME_ID) - used, faults() - faults_before, peak() - before);
    return 0;
}
