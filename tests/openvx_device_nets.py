"""Networks that a real OpenVX runs in the tests: small ones, which touch every kind of lowering.

The simulator takes seconds for every node, and longer for integers, so tensors are tiny.
"""

from openvx_nets import Case

_NONE = [(0, 0)] * 4

_BOTH = [
    Case("conv_uneven", lambda n: n.conv(n.input(1, 2, 4, 3), n.weight(2, 2, 2, 2), n.weight(1, 2),
         stride=[2, 1], padding=[(0, 1), (2, 0)])),
    Case("conv_relu_pool", lambda n: n.max_pool(n.relu(n.conv(n.input(1, 1, 6, 6), n.weight(
         1, 1, 3, 3), 0.5, stride=[2, 2])), size=[1, 1, 2, 2], padding=_NONE)),
    Case("flatten_linear", lambda n: n.linear(n.reshape(n.input(1, 2, 2, 2), shape=[0, -1]),
         n.weight(3, 8), n.weight(1, 3))),
    Case("add_broadcast", lambda n: n.g.add("add", n.input(1, 2, 2, 3), n.input(1, 2, name="y"))),
    Case("max", lambda n: n.max(n.input(1, 2, 2, 3), n.input(1, 2, 2, 3, name="y")), 45),
    Case("avg_pool", lambda n: n.avg_pool(n.input(1, 2, 4, 4), size=[1, 1, 2, 2], padding=_NONE,
         stride=[1, 1, 2, 2])),
    Case("transpose", lambda n: n.transpose(n.input(2, 3, 2, 4), axes=[0, 2, 3, 1])),
    Case("concat", lambda n: n.concat([n.relu(n.input(1, 2, 2, 3)), n.relu(n.input(
         1, 1, 2, 3, name="y"))], axis=1)),
]  # fmt: skip
_INTEGERS = [
    Case("mul_sub", lambda n: (lambda x, y: n.sub(n.mul(x, y), y))(
         n.input(1, 2, 2, 3), n.input(1, 2, 2, 3, name="y")), 45),
    Case("softmax", lambda n: n.softmax(n.input(1, 4, 1, 2)), 40),
    Case("conv_depthwise", lambda n: n.conv(n.input(1, 2, 4, 3), n.weight(4, 1, 2, 2),
         n.weight(1, 4), groups=2, stride=[2, 1], padding=[(1, 0), (0, 2)])),
    Case("lrn", lambda n: n.local_response_normalization(n.input(1, 3, 1, 1), size=[1, 3, 1, 1],
         alpha=1.5, beta=0.75, bias=2.0), 40),
    Case("table", lambda n: n.exp(n.input(1, 2, 2, 3))),
]  # fmt: skip
_FLOATS = [
    Case("conv_groups", lambda n: n.conv(n.input(1, 2, 3, 3), n.weight(2, 1, 2, 2), groups=2,
         padding=[(0, 0), (0, 0)])),
    Case("conv_dilated", lambda n: n.conv(n.input(1, 1, 6, 5), n.weight(1, 1, 2, 2),
         dilation=[2, 2], padding=[(0, 0), (0, 0)])),
    Case("upsample", lambda n: n.multilinear_upsample(n.input(1, 2, 2, 3), factor=[2, 1],
         method="symmetric", border="replicate")),
    Case("deconv", lambda n: n.deconv(n.input(1, 1, 3, 3), n.weight(1, 2, 2, 2), 0.0,
         stride=[2, 1], padding=[(0, 0), (0, 0)])),
    Case("sigmoid", lambda n: n.sigmoid(n.input(1, 2, 2, 3))),
    Case("pad", lambda n: n.pad(n.input(1, 2, 2, 3), padding=[(0, 0), (0, 0), (1, 0), (0, 2)],
         border="constant", value=0.5)),
    Case("matmul", lambda n: n.matmul(n.input(2, 3), n.input(3, 4, name="y"))),
]  # fmt: skip

# (profile, network)
NETS: list[tuple[str, Case]] = [
    *(("verisilicon", case) for case in [*_BOTH, *_INTEGERS]),
    *(("float32", case) for case in [*_BOTH, *_FLOATS]),
]
