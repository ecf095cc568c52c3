// What the programs of the tests share: a net, numbers for it, and what has to come out.
#ifndef CASE_H
#define CASE_H

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "nnefx_vx.hpp"

inline void expect(bool holds, const char *what)
{
    if (!holds) {
        std::fprintf(stderr, "failed: %s\n", what);
        std::exit(1);
    }
}

inline std::vector<char> bytes(const char *path)
{
    std::ifstream file(path, std::ios::binary);
    return std::vector<char>(std::istreambuf_iterator<char>(file), {});
}

inline std::vector<float> numbers(const char *path)
{
    std::vector<char> raw = bytes(path);
    std::vector<float> values(raw.size() / sizeof(float));
    std::memcpy(values.data(), raw.data(), raw.size());
    return values;
}

struct Case {
    const char *path;
    std::vector<float> input, expected;
    std::string label;
};

inline void run(nnefx::Import &net, const Case &given, const char *what)
{
    net.write(0, given.input);
    net.process();
    expect(net.read(0) == given.expected, what);
}

inline vx_tensor tensor_like(vx_context context, vx_tensor other, vx_size more)
{
    vx_size rank = 0, dims[6];
    vx_enum type = 0;
    vxQueryTensor(other, VX_TENSOR_NUMBER_OF_DIMS, &rank, sizeof rank);
    vxQueryTensor(other, VX_TENSOR_DIMS, dims, rank * sizeof *dims);
    vxQueryTensor(other, VX_TENSOR_DATA_TYPE, &type, sizeof type);
    dims[0] += more;
    return vxCreateTensor(context, rank, dims, type, 8);
}

#endif
