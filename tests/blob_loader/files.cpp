// What a cache's file may be and become: a folder, a net, a link, written by several at a time.
//
//     program NET.nxvx INPUT.raw EXPECTED.raw TURNED.nxvx FOLDER
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "case.h"

struct Start {
    nnefx_vx_cache_use use;
    std::string note;
};

static Start start(const Case &given, const std::string &path, vx_uint32 flags = 0)
{
    vx_context context = vxCreateContext();
    Start found;
    {
        nnefx_vx_cache cache = {};
        nnefx_vx_options options = {};
        cache.path = path.c_str();
        options.cache = &cache;
        nnefx::Import net(context, given.path, flags, &options);
        if (!given.expected.empty())
            run(net, given, "every start gives the expected numbers");
        found = {nnefxVxImportCacheUse(net.get()), nnefxVxImportCacheNote(net.get())};
    }
    vxReleaseContext(&context);
    return found;
}

static bool is_unwritten(const Start &found)
{
    return found.use == NNEFX_VX_CACHE_FAILED && found.note == "cache cannot be written";
}

static void test_mistakes(const Case &given, const std::string &folder)
{
    struct stat status;
    const std::string empty = folder + "/empty", net = folder + "/copy.nxvx";
    expect(mkdir(empty.c_str(), 0700) == 0, "a folder is made");
    expect(is_unwritten(start(given, empty)), "a folder is no place for a cache");
    expect(stat(empty.c_str(), &status) == 0 && S_ISDIR(status.st_mode), "the folder stays");
    const std::vector<char> whole = bytes(given.path);
    std::ofstream(net, std::ios::binary).write(whole.data(), static_cast<long>(whole.size()));
    expect(is_unwritten(start(given, net)), "a net is not written over");
    expect(bytes(net.c_str()) == whole, "the net stays");
}

// A link that waits where the new file is made does not lead the loader elsewhere.
static void test_links(const Case &given, const std::string &folder)
{
    const std::string path = folder + "/linked", victim = folder + "/victim";
    const std::string beside = path + "." + std::to_string(getpid()) + ".0.new";
    std::ofstream(victim) << "precious";
    expect(symlink(victim.c_str(), beside.c_str()) == 0, "a link is made");
    expect(start(given, path).use == NNEFX_VX_CACHE_WRITTEN, "another name is taken");
    expect(bytes(victim.c_str()).size() == 8, "what the link leads to stays");
    expect(start(given, path).use == NNEFX_VX_CACHE_READ, "the cache is whole");
    expect(start(given, path, NNEFX_VX_READ_FILE).use == NNEFX_VX_CACHE_READ, "and can be read");
    std::remove(beside.c_str());
}

static void test_writers(const Case &given, const std::string &folder)
{
    const std::string path = folder + "/shared";
    for (int round = 0; round < 10; round++) {
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; i++)
            threads.emplace_back([&] {
                nnefx_vx_cache_use use = start(given, path).use;
                expect(use == NNEFX_VX_CACHE_WRITTEN || use == NNEFX_VX_CACHE_READ, "all go on");
            });
        for (std::thread &thread : threads)
            thread.join();
        expect(start(given, path).use == NNEFX_VX_CACHE_READ, "the cache is whole");
        std::remove(path.c_str());
    }
}

// A net with the content id of another, whose tensors have other extents.
static void test_turned(const Case &given, const char *turned, const std::string &folder)
{
    const Case other = {turned, {}, {}, ""};
    const std::string path = folder + "/turned";
    expect(start(given, path).use == NNEFX_VX_CACHE_WRITTEN, "the cache is written");
    Start found = start(other, path);
    expect(found.use == NNEFX_VX_CACHE_WRITTEN && found.note == "target refuses what it exported",
           "extents of what was imported are compared");
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    const Case given = {argv[1], numbers(argv[2]), numbers(argv[3]), ""};
    test_mistakes(given, argv[5]);
    test_links(given, argv[5]);
    test_writers(given, argv[5]);
    test_turned(given, argv[4], argv[5]);
    return 0;
}
