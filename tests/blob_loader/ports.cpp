// Prints which parameters of the graph the inputs and outputs of a net are, and what came of letting
// other tensors take the places of the first input and the first output:
//
//     program NET.nxvx INPUT.raw
#include "case.h"

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    const std::vector<float> input = numbers(argv[2]);
    vx_context context = vxCreateContext();
    {
        nnefx::Import net(context, argv[1], NNEFX_VX_PARAMETERS);
        for (vx_uint32 i = 0; i < net.inputs() + net.outputs(); i++) {
            vx_uint32 first, count;
            nnefxVxImportParameter(net.get(), i, &first, &count);
            std::printf("%u %u\n", first, count);
        }
        net.write(0, input);
        net.process();
        const std::vector<float> before = net.read(0);
        vx_tensor in = tensor_like(context, net.tensor(net.input(0).name).get(), 0);
        vx_tensor out = tensor_like(context, net.tensor(net.output(0).name).get(), 0);
        std::printf("%d %d\n", net.replace_input(0, in), net.replace_output(0, out));
        net.write(0, std::vector<float>(input.size()));
        net.process();
        const std::vector<float> changed = net.read(0);
        net.write(0, input);
        net.process();
        std::printf("%d %d\n", net.read(0) == before, changed != before);
        vxReleaseTensor(&in);
        vxReleaseTensor(&out);
    }
    vxReleaseContext(&context);
    return 0;
}
