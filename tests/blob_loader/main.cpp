// Uses every function of the loader on one net, through the C++ wrapper and without it:
//
//     program NET.nxvx INPUT.raw EXPECTED.raw LABEL
//
// The OpenVX of the tests aborts where an object is left when its context goes.
#define NNEFX_VX_SEED_NAMES 1
#include "case.h"

static void test_files(vx_context context, const Case &given)
{
    const vx_uint32 choices[] = {0, NNEFX_VX_CHECK_DATA, NNEFX_VX_ZERO_COPY, NNEFX_VX_READ_FILE,
                                 NNEFX_VX_REAL_TENSORS,
                                 NNEFX_VX_ZERO_COPY | NNEFX_VX_READ_FILE};
    for (vx_uint32 flags : choices) {
        nnefx::Import net(context, given.path, flags);
        nnefx::Import moved(std::move(net));
        run(moved, given, "a file gives the expected numbers");
    }
}

static void test_memory(vx_context context, const Case &given)
{
    std::vector<char> blob = bytes(given.path);
    nnefx::Import net = nnefx::Import::from_memory(context, blob.data(), blob.size());
    std::fill(blob.begin(), blob.end(), '\x55'); // it is not needed any more
    expect(static_cast<bool>(net.tensor(given.label)), "names are found without the memory");
    run(net, given, "memory gives the expected numbers");
}

static void test_references(vx_context context, const Case &given)
{
    nnefx::Tensor kept;
    {
        nnefx::Import net(context, given.path);
        kept = net.tensor(given.label);
        expect(static_cast<bool>(kept), "a weight is found by its label");
        expect(static_cast<bool>(net.tensor(net.input(0).name)), "an input is found by its name");
        expect(!net.tensor("no such name"), "an unknown name gives nothing");
        expect(net.count() > 3, "there are objects");
        expect(net.object(0).get() == reinterpret_cast<vx_reference>(net.graph()),
               "the graph comes first");
        expect(reinterpret_cast<vx_tensor>(net.object(1).get()) ==
                   net.tensor(net.input(0).name).get(), "then the inputs");
        for (vx_uint32 i = 0; i < net.count(); i++)
            expect(static_cast<bool>(net.object(i)), "every index has an object");
        expect(!net.object(net.count()), "indices end");
    }
    vx_size rank = 0;
    expect(vxQueryTensor(kept.get(), VX_TENSOR_NUMBER_OF_DIMS, &rank, sizeof rank) == VX_SUCCESS &&
               rank > 0, "a retained reference outlives its import");
}

// Two nets in one graph of the application, the second reading the same input tensor.
static void test_existing_graph(vx_context context, const Case &given)
{
    nnefx::Import probe(context, given.path);
    vx_tensor input = tensor_like(context, probe.tensor(probe.input(0).name).get(), 0);
    vx_tensor output = tensor_like(context, probe.tensor(probe.output(0).name).get(), 0);
    vx_graph graph = vxCreateGraph(context);
    {
        nnefx_vx_options options = {graph, &input, &output, nullptr, nullptr, nullptr};
        nnefx::Import first(context, given.path, 0, &options);
        options.outputs = nullptr;
        nnefx::Import second(context, given.path, 0, &options);
        expect(first.tensor(probe.input(0).name).get() == input, "the given input is used");
        expect(first.graph() == graph, "the given graph is used");
        expect(vxVerifyGraph(graph) == VX_SUCCESS, "the application verifies its graph");
        first.write(0, given.input);
        second.process();
        expect(first.read(0) == given.expected && second.read(0) == given.expected,
               "both nets ran on the shared input");
    }
    expect(vxProcessGraph(graph) == VX_SUCCESS, "the graph outlives the imports");
    vxReleaseGraph(&graph);
    vxReleaseTensor(&input);
    vxReleaseTensor(&output);
}

static void count_errors(void *user, const nnefx_blob_error *error)
{
    expect(error->message[0] != 0, "an error has a message");
    ++*static_cast<int *>(user);
}

static void test_errors(vx_context context, const Case &given)
{
    int errors = 0;
    nnefx::Import probe(context, given.path);
    vx_tensor wrong = tensor_like(context, probe.tensor(probe.input(0).name).get(), 1);
    nnefx_vx_options options = {nullptr, &wrong, nullptr, count_errors, &errors, nullptr};
    std::vector<char> blob = bytes(given.path);
    try {
        nnefx::Import net(context, given.path, 0, &options);
        expect(false, "a tensor of other extents is refused");
    } catch (const nnefx::Error &error) {
        expect(error.status() == VX_ERROR_INVALID_DIMENSION, "the status tells of dimensions");
    }
    vxReleaseTensor(&wrong);
    blob[130] ^= 1;
    nnefx_vx_import net = vxImportBinary(context, blob.data(), blob.size(), 0, nullptr);
    expect(nnefxVxImportStatus(net) != VX_SUCCESS, "damage is found");
    expect(std::strncmp(nnefxVxImportError(net), "byte ", 5) == 0, "its place is told");
    expect(nnefxVxImportCount(net) == 0, "nothing is imported");
    expect(!vxGetImportReferenceByName(net, given.label.c_str()), "nothing has a name");
    expect(!vxGetImportReferenceByIndex(net, 0), "nothing has an index");
    expect(nnefxVxProcess(net) != VX_SUCCESS, "nothing runs");
    vxReleaseImport(&net);
    try {
        nnefx::Import missing(context, "/no/such/file", 0, nullptr);
        expect(false, "a missing file is refused");
    } catch (const nnefx::Error &error) {
        expect(std::strstr(error.what(), "cannot be opened") != nullptr, "and named");
    }
    expect(errors == 1, "the callback was called once");
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    const Case given = {argv[1], numbers(argv[2]), numbers(argv[3]), argv[4]};
    vx_context context = vxCreateContext();
    test_files(context, given);
    test_memory(context, given);
    test_references(context, given);
    test_existing_graph(context, given);
    test_errors(context, given);
    vxReleaseContext(&context);
    return 0;
}
