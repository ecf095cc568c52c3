// C++11 on top of nnefx_vx.h: an import that releases itself, and errors as exceptions.
//
//     nnefx::Import net(context, "net.nxvx");
//     net.write(0, pixels);
//     net.process();
//     std::vector<float> shares = net.read(0);
#ifndef NNEFX_VX_HPP
#define NNEFX_VX_HPP

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "nnefx_vx.h"

namespace nnefx {

// What OpenVX or the loader refused.
class Error : public std::runtime_error {
public:
    Error(const std::string &what, vx_status status) : std::runtime_error(what), status_(status) {}
    vx_status status() const noexcept { return status_; }

private:
    vx_status status_;
};

// A retained reference to an object of the net; empty where there is none.
template <typename Object>
class Reference {
public:
    Reference() noexcept : object_(nullptr) {}
    explicit Reference(vx_reference object) noexcept : object_(object) {}
    Reference(Reference &&other) noexcept : object_(other.object_) { other.object_ = nullptr; }
    Reference &operator=(Reference &&other) noexcept
    {
        std::swap(object_, other.object_);
        return *this;
    }
    Reference(const Reference &) = delete;
    Reference &operator=(const Reference &) = delete;
    ~Reference()
    {
        if (object_)
            vxReleaseReference(&object_);
    }
    Object get() const noexcept { return reinterpret_cast<Object>(object_); }
    explicit operator bool() const noexcept { return object_ != nullptr; }

private:
    vx_reference object_;
};

using Tensor = Reference<vx_tensor>;

class Import {
public:
    Import(vx_context context, const std::string &path, vx_uint32 flags = 0,
           const nnefx_vx_options *options = nullptr)
        : Import(nnefxVxImportBinaryFile(context, path.c_str(), flags, options))
    {
    }
    static Import from_memory(vx_context context, const void *blob, std::size_t length,
                              vx_uint32 flags = 0, const nnefx_vx_options *options = nullptr)
    {
        return Import(nnefxVxImportBinary(context, blob, length, flags, options));
    }
    Import(Import &&other) noexcept : import_(other.import_) { other.import_ = nullptr; }
    Import &operator=(Import &&other) noexcept
    {
        std::swap(import_, other.import_);
        return *this;
    }
    Import(const Import &) = delete;
    Import &operator=(const Import &) = delete;
    ~Import()
    {
        if (import_)
            nnefxVxReleaseImport(&import_);
    }

    vx_graph graph() const noexcept { return nnefxVxImportGraph(import_); }
    nnefx_vx_import get() const noexcept { return import_; }

    vx_uint32 count() const noexcept { return nnefxVxImportCount(import_); }
    Reference<vx_reference> object(vx_uint32 index) const noexcept
    {
        return Reference<vx_reference>(nnefxVxGetImportReferenceByIndex(import_, index));
    }
    // The tensor (or view) of an NNEF identifier or label.
    Tensor tensor(const std::string &name) const noexcept
    {
        return Tensor(nnefxVxGetImportReferenceByName(import_, name.c_str()));
    }

    vx_uint32 inputs() const noexcept { return nnefxVxImportInputs(import_); }
    vx_uint32 outputs() const noexcept { return nnefxVxImportOutputs(import_); }
    nnefx_port input(vx_uint32 index) const { return port(index, inputs(), 0); }
    nnefx_port output(vx_uint32 index) const { return port(index, outputs(), inputs()); }

    // Real numbers in the order of NNEF.
    void write(vx_uint32 index, const std::vector<float> &values)
    {
        if (values.size() != input(index).count)
            throw Error("input has another number of items", VX_ERROR_INVALID_DIMENSION);
        demand(nnefxVxWriteInput(import_, index, values.data()), "input cannot be written");
    }
    std::vector<float> read(vx_uint32 index) const
    {
        std::vector<float> values(static_cast<std::size_t>(output(index).count));
        demand(nnefxVxReadOutput(import_, index, values.data()), "output cannot be read");
        return values;
    }
    // Let another tensor be an input or output from now on (NNEFX_VX_PARAMETERS); false where the
    // target does not let it.
    bool replace_input(vx_uint32 index, vx_tensor tensor)
    {
        input(index);
        return replace(index, tensor);
    }
    bool replace_output(vx_uint32 index, vx_tensor tensor)
    {
        output(index);
        return replace(inputs() + index, tensor);
    }
    void process() { demand(nnefxVxProcess(import_), "graph cannot be run"); }

private:
    // Delegated to, so that the destructor runs when this throws.
    explicit Import(nnefx_vx_import import, int) noexcept : import_(import) {}
    explicit Import(nnefx_vx_import import) : Import(import, 0)
    {
        if (nnefxVxImportStatus(import_) != VX_SUCCESS)
            throw Error(nnefxVxImportError(import_), nnefxVxImportStatus(import_));
    }
    nnefx_port port(vx_uint32 index, vx_uint32 count, vx_uint32 first) const
    {
        nnefx_port found;
        if (index >= count)
            throw Error("net has no such input or output", VX_ERROR_INVALID_VALUE);
        demand(nnefxVxImportPort(import_, first + index, &found), "net has no such port");
        return found;
    }
    bool replace(vx_uint32 index, vx_tensor tensor)
    {
        const vx_status status = nnefxVxReplacePort(import_, index, tensor);
        if (status != VX_ERROR_NOT_SUPPORTED)
            demand(status, "tensor cannot take the place of another");
        return status == VX_SUCCESS;
    }
    static void demand(vx_status status, const char *what)
    {
        if (status != VX_SUCCESS)
            throw Error(what, status);
    }

    nnefx_vx_import import_;
};

} // namespace nnefx

#endif
