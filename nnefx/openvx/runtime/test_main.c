/* Runs the net on files: inputs and references are .dat (NNEF), .npy (float32) or raw float32.
 *
 *   program [-w WEIGHTS] [-i INPUT]... [-r REFERENCE]... [-o OUTPUT]... [-n RUNS] [-d FOLDER]
 *
 * Options are matched with inputs and outputs in their order; "-" skips one. An input that is not
 * given is zero. The program prints the largest and the root mean square error of every output that
 * has a reference, and the time of one run. With -d it writes what tensors hold into a folder that
 * is there. It ends with 0 when every step worked.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "network.h"

#define MAX_FILES 64

struct options {
    const char *weights, *dump;
    const char *inputs[MAX_FILES];
    const char *references[MAX_FILES];
    const char *outputs[MAX_FILES];
    int input_count, reference_count, output_count, runs;
};

static int fail(const char *what, const char *detail)
{
    fprintf(stderr, "error: %s: %s\n", what, detail);
    return 1;
}

static int parse(int argc, char **argv, struct options *options)
{
    int i;
    memset(options, 0, sizeof *options);
    options->weights = NETWORK_WEIGHTS;
    options->runs = 1;
    for (i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "-w") == 0)
            options->weights = value;
        else if (strcmp(argv[i], "-d") == 0)
            options->dump = value;
        else if (strcmp(argv[i], "-n") == 0)
            options->runs = atoi(value) > 0 ? atoi(value) : 1;
        else if (strcmp(argv[i], "-i") == 0 && options->input_count < MAX_FILES)
            options->inputs[options->input_count++] = value;
        else if (strcmp(argv[i], "-r") == 0 && options->reference_count < MAX_FILES)
            options->references[options->reference_count++] = value;
        else if (strcmp(argv[i], "-o") == 0 && options->output_count < MAX_FILES)
            options->outputs[options->output_count++] = value;
        else
            return fail("unknown option", argv[i]);
    }
    return i < argc ? fail("option without a value", argv[i]) : 0;
}

static const char *chosen(const char *const *files, int count, size_t index)
{
    if (index >= (size_t)count || strcmp(files[index], "-") == 0)
        return NULL;
    return files[index];
}

/* Return how many bytes precede the numbers, by the first bytes of the file. */
static long header_size(const unsigned char *head, size_t length)
{
    if (length >= 128 && head[0] == 0x4E && head[1] == 0xEF)
        return 128;
    if (length >= 10 && memcmp(head, "\x93NUMPY\x01", 7) == 0)
        return 10L + head[8] + 256L * head[9];
    return 0;
}

static int read_values(const char *path, float *values, size_t count)
{
    unsigned char head[128];
    size_t length, found;
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail("cannot open", path);
    length = fread(head, 1, sizeof head, file);
    if (fseek(file, header_size(head, length), SEEK_SET) != 0) {
        fclose(file);
        return fail("cannot read", path);
    }
    found = fread(values, sizeof *values, count, file);
    length = fread(head, 1, 1, file);
    fclose(file);
    return found == count && length == 0 ? 0 : fail("file has another number of items", path);
}

static int write_values(const char *path, const float *values, size_t count)
{
    size_t written;
    FILE *file = fopen(path, "wb");
    if (!file)
        return fail("cannot create", path);
    written = fwrite(values, sizeof *values, count, file);
    return fclose(file) == 0 && written == count ? 0 : fail("cannot write", path);
}

static int set_input(network *net, const struct options *options, size_t index)
{
    const network_port *port = &network_inputs[index];
    const char *path = chosen(options->inputs, options->input_count, index);
    float *values = calloc(port->count, sizeof *values);
    int failed;
    if (!values)
        return fail("out of memory", port->name);
    failed = path ? read_values(path, values, port->count) : 0;
    if (!failed && network_write_input(net, index, values) != VX_SUCCESS)
        failed = fail("cannot write input", port->name);
    free(values);
    return failed;
}

static void report(const network_port *port, const float *values, const float *expected)
{
    double largest = 0.0, squares = 0.0;
    size_t i;
    for (i = 0; i < port->count; i++) {
        double error = fabs((double)values[i] - (double)expected[i]);
        largest = error > largest ? error : largest;
        squares += error * error;
    }
    printf("%s: max error %g, rms error %g\n", port->name, largest,
           sqrt(squares / (double)port->count));
}

static int check_output(network *net, const struct options *options, size_t index)
{
    const network_port *port = &network_outputs[index];
    const char *path = chosen(options->outputs, options->output_count, index);
    const char *reference = chosen(options->references, options->reference_count, index);
    float *values = calloc(2 * port->count, sizeof *values);
    int failed = 0;
    if (!values)
        return fail("out of memory", port->name);
    if (network_read_output(net, index, values) != VX_SUCCESS)
        failed = fail("cannot read output", port->name);
    if (!failed && path)
        failed = write_values(path, values, port->count);
    if (!failed && reference) {
        failed = read_values(reference, values + port->count, port->count);
        if (!failed)
            report(port, values, values + port->count);
    }
    free(values);
    return failed;
}

static int run(network *net, const struct options *options)
{
    clock_t start;
    size_t i;
    int n, failed = 0;
    for (i = 0; i < NETWORK_INPUT_COUNT && !failed; i++)
        failed = set_input(net, options, i);
    start = clock();
    for (n = 0; n < options->runs && !failed; n++)
        if (network_process(net) != VX_SUCCESS)
            failed = fail("cannot run", "the graph");
    if (!failed)
        printf("%.3f ms of processor time a run\n",
               1000.0 * (double)(clock() - start) / CLOCKS_PER_SEC / options->runs);
    for (i = 0; i < NETWORK_OUTPUT_COUNT && !failed; i++)
        failed = check_output(net, options, i);
    if (!failed && options->dump && network_dump(net, options->dump) != VX_SUCCESS)
        failed = fail("cannot write tensors", options->dump);
    return failed;
}

int main(int argc, char **argv)
{
    struct options options;
    vx_context context;
    vx_status status;
    network *net = NULL;
    int failed;
    if (parse(argc, argv, &options))
        return 2;
    context = vxCreateContext();
    status = vxGetStatus((vx_reference)context);
    if (status != VX_SUCCESS)
        return fail("no OpenVX context", network_status_text(status));
    status = network_create(context, options.weights, &net);
    if (status != VX_SUCCESS)
        failed = fail("cannot build the net", network_status_text(status));
    else
        failed = run(net, &options);
    network_release(&net);
    vxReleaseContext(&context);
    return failed;
}
