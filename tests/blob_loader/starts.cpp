// Starts a net again and again from what the target exported, and lets other tensors take the
// places of its inputs and outputs:
//
//     program NET.nxvx INPUT.raw EXPECTED.raw LABEL OTHER.nxvx CACHE
#include "case.h"

struct Start {
    nnefx_vx_cache_use use;
    std::string note;
};

// Import, run, and tell what became of the cache.
static Start start(vx_context context, const Case &given, nnefx_vx_cache cache,
                   vx_uint32 flags = 0)
{
    nnefx_vx_options options = {};
    options.cache = &cache;
    nnefx::Import net(context, given.path, flags, &options);
    if (flags & NNEFX_VX_NO_VERIFY)
        expect(vxVerifyGraph(net.graph()) == VX_SUCCESS, "the application verifies");
    run(net, given, "every start gives the expected numbers");
    expect(static_cast<bool>(net.tensor(net.input(0).name)), "an input is found by its name");
    return {nnefxVxImportCacheUse(net.get()), nnefxVxImportCacheNote(net.get())};
}

static void expect_start(const Start &found, nnefx_vx_cache_use use, const char *note)
{
    if (found.use != use || found.note != note) {
        std::fprintf(stderr, "cache: %d '%s', expected %d '%s'\n", found.use, found.note.c_str(),
                     use, note);
        std::exit(1);
    }
}

static void test_file(vx_context context, const Case &given, const char *other, const char *path)
{
    nnefx_vx_cache cache = {};
    cache.path = path;
    expect_start(start(context, given, cache), NNEFX_VX_CACHE_WRITTEN, "cache is empty");
    expect_start(start(context, given, cache), NNEFX_VX_CACHE_READ, "");
    expect_start(start(context, given, cache, NNEFX_VX_REAL_TENSORS), NNEFX_VX_CACHE_WRITTEN,
                 "cache was made with other options");
    expect_start(start(context, given, cache), NNEFX_VX_CACHE_WRITTEN,
                 "cache was made with other options");
    cache.build = "driver 2";
    expect_start(start(context, given, cache), NNEFX_VX_CACHE_WRITTEN,
                 "cache is of another target");
    expect_start(start(context, given, cache), NNEFX_VX_CACHE_READ, "");
    cache.build = nullptr;
    setenv("STUB_NAME", "another", 1);
    expect_start(start(context, given, cache), NNEFX_VX_CACHE_WRITTEN,
                 "cache is of another target");
    unsetenv("STUB_NAME");
    {
        nnefx_vx_options options = {};
        options.cache = &cache;
        nnefx::Import net(context, other, 0, &options);
        expect_start({nnefxVxImportCacheUse(net.get()), nnefxVxImportCacheNote(net.get())},
                     NNEFX_VX_CACHE_WRITTEN, "cache is of another net");
    }
    expect_start(start(context, given, cache), NNEFX_VX_CACHE_WRITTEN, "cache is of another net");
    expect_start(start(context, given, cache, NNEFX_VX_ZERO_COPY), NNEFX_VX_CACHE_UNUSED, "");
    expect_start(start(context, given, cache, NNEFX_VX_NO_VERIFY | NNEFX_VX_PARAMETERS),
                 NNEFX_VX_CACHE_UNUSED, "");
    cache.path = "/no/such/folder/cache";
    expect_start(start(context, given, cache), NNEFX_VX_CACHE_FAILED, "cache cannot be written");
}

static void test_refusals(vx_context context, const Case &given, const char *path)
{
    nnefx_vx_cache cache = {};
    cache.path = path;
    setenv("STUB_IMPORT_FAILS", "1", 1);
    expect_start(start(context, given, cache), NNEFX_VX_CACHE_WRITTEN,
                 "target refuses what it exported");
    unsetenv("STUB_IMPORT_FAILS");
    std::remove(path);
    setenv("STUB_EXPORT_FAILS", "1", 1);
    expect_start(start(context, given, cache), NNEFX_VX_CACHE_FAILED,
                 "target does not export the graph");
    unsetenv("STUB_EXPORT_FAILS");
    setenv("STUB_NAME", "khronos.sample", 1);
    expect_start(start(context, given, cache), NNEFX_VX_CACHE_FAILED,
                 "target cannot import tables and parts of tensors");
    unsetenv("STUB_NAME");
    const nnefx_vx_exchange none = {};
    cache.functions = &none;
    expect_start(start(context, given, cache), NNEFX_VX_CACHE_FAILED,
                 "target exports nothing: it lacks vx_khr_ix");
}

// A cache in memory: what was stored, and how often.
struct Memory {
    std::vector<char> kept;
    int stores;
};

static int load(void *user, const void **data, vx_size *size)
{
    Memory *memory = static_cast<Memory *>(user);
    *data = memory->kept.data();
    *size = memory->kept.size();
    return !memory->kept.empty();
}

static int store(void *user, const void *head, vx_size head_size, const void *data, vx_size size)
{
    Memory *memory = static_cast<Memory *>(user);
    const char *first = static_cast<const char *>(head), *second = static_cast<const char *>(data);
    memory->kept.assign(first, first + head_size);
    memory->kept.insert(memory->kept.end(), second, second + size);
    memory->stores++;
    return 1;
}

static nnefx_vx_cache_use use_of(vx_context context, const Case &given,
                                 const nnefx_vx_cache &cache)
{
    nnefx_vx_options options = {};
    options.cache = &cache;
    return nnefxVxImportCacheUse(nnefx::Import(context, given.path, 0, &options).get());
}

// No byte may differ, and no length; the export is never shown to the target then.
static void test_damage(vx_context context, const Case &given)
{
    Memory memory = {};
    nnefx_vx_cache cache = {};
    cache.load = load;
    cache.store = store;
    cache.user = &memory;
    start(context, given, cache);
    expect_start(start(context, given, cache), NNEFX_VX_CACHE_READ, "");
    const std::vector<char> whole = memory.kept;
    for (std::size_t at = 0; at < whole.size(); at += at < 300 ? 1 : whole.size() / 50) {
        memory.kept = whole;
        memory.kept[at] ^= 4;
        expect(use_of(context, given, cache) == NNEFX_VX_CACHE_WRITTEN, "damage is found");
        expect(memory.kept.size() == whole.size(), "and mended");
    }
    for (std::size_t size : {std::size_t(1), std::size_t(191), std::size_t(208),
                             whole.size() - 1}) {
        memory.kept.assign(whole.begin(), whole.begin() + static_cast<long>(size));
        expect(use_of(context, given, cache) == NNEFX_VX_CACHE_WRITTEN, "a cut is found");
    }
    memory.kept = whole;
    memory.kept.push_back(0);
    expect(use_of(context, given, cache) == NNEFX_VX_CACHE_WRITTEN, "so is an excess");
}

static void test_given(vx_context context, const Case &given, const char *path)
{
    nnefx::Import probe(context, given.path);
    vx_tensor input = tensor_like(context, probe.tensor(probe.input(0).name).get(), 0);
    nnefx_vx_cache cache = {};
    cache.path = path;
    std::remove(path);
    for (nnefx_vx_cache_use use : {NNEFX_VX_CACHE_WRITTEN, NNEFX_VX_CACHE_READ}) {
        nnefx_vx_options options = {};
        options.inputs = &input;
        options.cache = &cache;
        nnefx::Import net(context, given.path, 0, &options);
        expect(nnefxVxImportCacheUse(net.get()) == use, "given tensors go with a cache");
        expect(net.tensor(net.input(0).name).get() == input, "the given input is used");
        run(net, given, "a given input gives the expected numbers");
    }
    expect_start(start(context, given, cache), NNEFX_VX_CACHE_WRITTEN,
                 "cache was made with other options");
    vxReleaseTensor(&input);
}

static void replace(vx_context context, nnefx::Import &net, const Case &given)
{
    vx_uint32 first = 9, count = 9;
    expect(nnefxVxImportParameter(net.get(), 0, &first, &count) == VX_SUCCESS && first == 0 &&
               count == 1, "the input is the first parameter of the graph");
    expect(nnefxVxImportParameter(net.get(), 1, &first, &count) == VX_SUCCESS && first == 1 &&
               count == 1, "then comes the output");
    expect(nnefxVxImportParameter(net.get(), 2, &first, &count) != VX_SUCCESS, "and no more");
    vx_tensor input = tensor_like(context, net.tensor(net.input(0).name).get(), 0);
    vx_tensor output = tensor_like(context, net.tensor(net.output(0).name).get(), 0);
    vx_tensor wrong = tensor_like(context, input, 1);
    run(net, given, "the net runs before");
    expect(net.replace_input(0, input) && net.replace_output(0, output), "both are replaced");
    expect(net.tensor(net.input(0).name).get() == input, "the name leads to the new tensor");
    run(net, given, "the net runs on other tensors");
    expect(nnefxVxReplacePort(net.get(), 0, wrong) == VX_ERROR_INVALID_DIMENSION,
           "extents are compared");
    expect(net.tensor(net.input(0).name).get() == input, "what was there stays");
    run(net, given, "and still runs");
    vxReleaseTensor(&input);
    vxReleaseTensor(&output);
    vxReleaseTensor(&wrong);
}

static void test_parameters(vx_context context, const Case &given, const char *path)
{
    nnefx_vx_cache cache = {};
    nnefx_vx_options options = {};
    cache.path = path;
    options.cache = &cache;
    std::remove(path);
    for (const char *counting : {"", "STUB_KEEPS_COUNT"}) {
        if (*counting)
            setenv(counting, "1", 1);
        for (int cached = 0; cached < 2; cached++) {
            nnefx::Import net(context, given.path, NNEFX_VX_PARAMETERS, &options);
            replace(context, net, given);
        }
    }
    unsetenv("STUB_KEEPS_COUNT");
    nnefx::Import net(context, given.path);
    vx_uint32 first, count = 9;
    nnefxVxImportParameter(net.get(), 0, &first, &count);
    expect(count == 0, "there are no parameters unless they are asked for");
    vx_tensor same = net.tensor(net.input(0).name).get();
    expect(nnefxVxReplacePort(net.get(), 0, same) == VX_ERROR_NOT_SUPPORTED, "nor replacements");
}

int main(int argc, char **argv)
{
    if (argc != 7)
        return 2;
    const Case given = {argv[1], numbers(argv[2]), numbers(argv[3]), argv[4]};
    vx_context context = vxCreateContext();
    test_file(context, given, argv[5], argv[6]);
    test_refusals(context, given, argv[6]);
    test_damage(context, given);
    test_given(context, given, argv[6]);
    test_parameters(context, given, argv[6]);
    vxReleaseContext(&context);
    return 0;
}
