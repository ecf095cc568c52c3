"""NNEF graphs as PyTorch modules: the same values as numpy, gradients, exports, state."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.fx.experimental.proxy_tensor import make_fx  # noqa: E402

import nnefx  # noqa: E402
from nnefx.diagnostics import NnefError  # noqa: E402
from nnefx.execute.executor import Executor  # noqa: E402
from nnefx.execute.torch.executor import TorchExecutor  # noqa: E402
from nnefx.execute.torch.table import kernels  # noqa: E402
from nnefx.ops import standard_ops  # noqa: E402
from nnefx.tensors.model import Model, loads, save  # noqa: E402

pytestmark = pytest.mark.xdist_group("torch")

UNARY = [
    "copy",
    "neg",
    "rcp",
    "exp",
    "log",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "asin",
    "acos",
    "atan",
    "asinh",
    "acosh",
    "atanh",
    "abs",
    "sign",
    "floor",
    "ceil",
    "round",
    "sqr",
    "sqrt",
    "rsqr",
    "rsqrt",
    "log2",
    "sigmoid",
    "relu",
    "gelu",
    "silu",
    "softplus",
]
BINARY = ["add", "sub", "mul", "div", "pow", "lt", "gt", "le", "ge", "eq", "ne", "min", "max"]
REDUCTIONS = [
    "sum_reduce",
    "max_reduce",
    "min_reduce",
    "mean_reduce",
    "argmax_reduce",
    "argmin_reduce",
]
PADS = (
    "padding = [(0,0),(0,0),(1,2),(0,1)]",
    "padding = []",
    "padding = [(0,0),(0,0),(0,0),(0,0)]",
)
BORDERS = ("constant", "replicate", "reflect", "reflect-even")

# An expression of `x` (and `w`, `b`), the shape of x, those of the variables, and its type.
CASES = {
    **{name: (f"{name}(x)", "1,2,3") for name in UNARY},
    **{f"{name}_channels": (f"{name}(x, b)", "2,3,4", {"b": "1,3"}) for name in BINARY},
    **{f"{name}_literal": (f"{name}(x, 0.5)", "2,3") for name in BINARY},
    "and": ("and(lt(x, 0.5), gt(x, -0.5))", "2,3"),
    "or": ("or(lt(x, 0.0), gt(x, 0.5))", "2,3"),
    "not": ("not(lt(x, 0.0))", "2,3"),
    "select": ("select(x < 0.5, x, b)", "2,3,4", {"b": "1,3"}),
    "clamp": ("clamp(x, 0.7, 0.2)", "2,3"),
    "leaky_relu": ("leaky_relu(x - 0.5, alpha = 0.1)", "2,3"),
    "prelu": ("prelu(x - 0.5, b)", "2,3,4", {"b": "1,3"}),
    "elu": ("elu(x - 0.5, alpha = 0.7)", "2,3"),
    "selu": ("selu(x - 0.5)", "2,3"),
    "softmax": ("softmax(x)", "2,3,4"),
    "softmax_two_axes": ("softmax(x, axes = [1, 2])", "2,3,4"),
    **{f"conv_{i}": (f"conv(x, w, b, {pad[:-1].replace('(0,0),(0,0),', '')}])", "1,3,5,6",
                     {"w": "4,3,3,2", "b": "1,4"}) for i, pad in enumerate(PADS)},
    **{f"conv_{border}": (f"conv(x, w, border = '{border}', padding = [(1,1),(1,1)])", "1,3,5,6",
                          {"w": "4,3,3,3"}) for border in BORDERS},
    "conv_depthwise": ("conv(x, w, groups = 0, stride = [2,1], dilation = [1,2])", "1,3,7,7",
                       {"w": "6,1,3,2"}),
    "conv_1d": ("conv(x, w, padding = [(1,0)])", "2,3,5", {"w": "4,3,2"}),
    "conv_3d": ("conv(x, w)", "1,2,4,4,4", {"w": "3,2,2,2,2"}),
    "deconv": ("deconv(x, w, b, stride = [2,2], padding = [(1,0),(0,1)])", "1,3,4,5",
               {"w": "3,4,3,3", "b": "1,4"}),
    "deconv_groups": ("deconv(x, w, groups = 3, stride = [2,1], padding = [(0,0),(0,0)])",
                      "1,3,4,5", {"w": "3,2,2,3"}),
    "deconv_auto": ("deconv(x, w, stride = [2,2])", "1,3,4,5", {"w": "3,4,3,3"}),
    "deconv_shape": ("deconv(x, w, stride = [2,2], output_shape = [1,4,7,9])", "1,3,4,5",
                     {"w": "3,4,3,3"}),
    "separable_conv": ("separable_conv(x, w, p, b)", "1,3,5,5",
                       {"w": "3,1,3,3", "p": "4,3,1,1", "b": "1,4"}),
    "separable_deconv": ("separable_deconv(x, w, p, padding = [(0,0),(0,0)])", "1,4,5,5",
                         {"w": "3,1,3,3", "p": "4,3,1,1"}),
    **{f"{op}_{border}": (f"{op}(x, size = [1,1,3,2], border = '{border}', padding = "
                          "[(0,0),(0,0),(1,1),(0,1)], stride = [1,1,2,1])", "1,2,5,6")
       for op in ("box", "avg_pool", "max_pool", "argmax_pool", "rms_pool")
       for border in ("ignore", *BORDERS)},
    "box_normalized": ("box(x, size = [1,2,3,2], normalize = true)", "1,4,5,6"),
    "box_dilated": ("box(x, size = [1,1,2,2], dilation = [1,1,2,3], padding = "
                    "[(0,0),(0,0),(0,0),(0,0)])", "1,2,5,6"),
    "max_pool_channels": ("max_pool(x, size = [1,2,2,2], stride = [1,2,2,2])", "1,4,4,4"),
    "max_pool_auto": ("max_pool(x, size = [1,1,3,3], stride = [1,1,2,2], border = 'ignore')",
                      "1,2,5,6"),
    **{f"debox_{border}": (f"debox(x, size = [1,1,3,2], border = '{border}', stride = [1,1,2,2], "
                           "padding = [(0,0),(0,0),(1,0),(0,0)], normalize = true)", "1,2,4,3")
       for border in ("ignore", "constant")},
    "sample": ("sample(x, argmax_pool(x, size = [1,1,2,2], stride = [1,1,2,2]), "
               "size = [1,1,2,2], stride = [1,1,2,2])", "1,2,4,6"),
    "desample": ("desample(max_pool(x, size = [1,1,2,3], stride = [1,1,2,2], padding = "
                 "[(0,0),(0,0),(0,0),(1,0)]), argmax_pool(x, size = [1,1,2,3], stride = [1,1,2,2],"
                 " padding = [(0,0),(0,0),(0,0),(1,0)]), size = [1,1,2,3], stride = [1,1,2,2], "
                 "padding = [(0,0),(0,0),(0,0),(1,0)])", "1,2,4,6"),
    "nearest_downsample": ("nearest_downsample(x, factor = [2,3])", "1,2,4,6"),
    "area_downsample": ("area_downsample(x, factor = [2,3])", "1,2,4,6"),
    "nearest_upsample": ("nearest_upsample(x, factor = [2,3])", "1,2,4,3"),
    **{f"upsample_{method}_{border}": (f"multilinear_upsample(x, factor = [2,3], method = "
                                       f"'{method}', border = '{border}')", "1,2,4,3")
       for method in ("symmetric", "asymmetric", "aligned") for border in BORDERS},
    **{name: (f"{name}(x, axes = [0,2])", "2,3,4") for name in REDUCTIONS},
    "sum_reduce_mean": ("sum_reduce(x, axes = [1], normalize = true)", "2,3,4"),
    "sum_reduce_none": ("sum_reduce(x, axes = [])", "2,3"),
    "all_reduce": ("all_reduce(x < 0.9, axes = [1])", "2,3"),
    "any_reduce": ("any_reduce(x < 0.2, axes = [0,1])", "2,3"),
    "reshape": ("reshape(x, shape = [0,-1])", "2,3,4"),
    "reshape_part": ("reshape(x, shape = [6], axis_start = 0, axis_count = 2)", "2,3,4"),
    "squeeze": ("squeeze(x, axes = [1])", "2,1,4"),
    "unsqueeze": ("unsqueeze(x, axes = [0,2])", "2,3"),
    "transpose": ("transpose(x, axes = [1,0])", "2,3,4"),
    "concat": ("concat([x, x, b], axis = 1)", "2,3", {"b": "2,1"}),
    "stack": ("stack([x, b], axis = 1)", "2,3", {"b": "2,3"}),
    "slice": ("slice(x, axes = [0,1], begin = [0,1], end = [0,-1])", "3,5"),
    "slice_back": ("slice(x, axes = [1], begin = [-1], end = [0], stride = [-2])", "3,6"),
    **{f"pad_{border}": (f"pad(x, padding = [(0,0),(2,1)], border = '{border}')", "2,4")
       for border in BORDERS},
    "pad_value": ("pad(x, padding = [(1,-1),(2,1)], value = 3.0)", "2,4"),
    "tile": ("tile(x, repeats = [2,3])", "2,3"),
    "cast": ("cast<integer>(x * 7.0)", "2,3"),
    "cast_logical": ("cast<logical>(floor(x * 2.0))", "2,3"),
    "matmul": ("matmul(x, w, transposeA = true)", "2,3,4", {"w": "1,3,5"}),
    "matmul_transposed": ("matmul(x, w, transposeB = true)", "2,3,4", {"w": "2,5,4"}),
    "linear": ("linear(x, w, b)", "2,4", {"w": "3,4", "b": "1,3"}),
    "linear_wide": ("linear(x, w, b)", "2,5,4", {"w": "1,3,4", "b": "1,1,3"}),
    "batch_normalization": ("batch_normalization(x, m, v, b, s, epsilon = 0.001)", "2,3,4",
                            {"m": "1,3", "v": "1,3", "b": "1,3", "s": "1,3"}),
    "local_response": ("local_response_normalization(x, size = [1,3,1,1], beta = 0.75)",
                       "1,4,3,3"),
    "local_contrast": ("local_contrast_normalization(x, size = [1,1,3,3], bias = 1.0)", "1,2,4,4"),
    "l1": ("l1_normalization(x, axes = [1], bias = 0.1)", "2,3"),
    "l2": ("l2_normalization(x, axes = [1], epsilon = 0.1)", "2,3"),
    "linear_quantize": ("linear_quantize(x, 0.0, 1.0, bits = 4)", "2,5"),
    "min_max": ("min_max_linear_quantize(x, 0.0, 1.0, bits = 4, signed = true, symmetric = true)",
                "2,5"),
    "logarithmic": ("logarithmic_quantize(x, 1.0, bits = 3)", "2,5"),
    "add_n": ("add_n([x, x, b])", "2,3", {"b": "2,3"}),
}  # fmt: skip
_INTEGER = ("argmax", "argmin", "cast_", "lt_", "gt_", "le_", "ge_", "eq_", "ne_", "all_", "any_",
            "and", "or", "not", "cast")  # fmt: skip
_FLAT = ("sign", "floor", "ceil", "round", "quantize", "min_max", "logarithmic")


def model_of(expression, shape, variables=None):
    """Return a model of one expression; its variables are between 0.1 and 0.9."""
    generator = np.random.default_rng(1)
    lines = [f"x = external(shape = [{shape}]);"]
    weights = {}
    for name, extents in (variables or {}).items():
        lines.append(f"{name} = variable(shape = [{extents}], label = 'net/{name}');")
        size = tuple(map(int, extents.split(",")))
        weights[f"net/{name}"] = generator.uniform(0.1, 0.9, size).astype(np.float32)
    body = "\n    ".join([*lines, f"y = {expression};"])
    words = "extension KHR_enable_operator_expressions;"
    model = loads(f"version 1.0;\n{words}\ngraph g( x ) -> ( y )\n{{\n    {body}\n}}\n")
    return Model(model.graph, weights)


def feed_of(model):
    (value,) = model.graph.inputs
    generator = np.random.default_rng(2)
    low = 1.05 if any(node.name == "acosh" for node in model.graph.nodes) else 0.1
    return {value.name: generator.uniform(low, low + 0.8, value.shape).astype(np.float32)}


@pytest.mark.parametrize("name", CASES)
def test_operation_agrees_with_numpy(name):
    model = model_of(*CASES[name])
    feeds = feed_of(model)
    wanted = Executor(model)(feeds)["y"]
    found = TorchExecutor(model)(feeds)["y"]
    assert found.shape == wanted.shape
    assert (found.dtype.kind, wanted.dtype.kind) in {("f", "f"), ("i", "i"), ("b", "b")}
    np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6)


def differentiable():
    return [name for name in CASES if not name.startswith(_INTEGER) and not name.startswith(_FLAT)]


@pytest.mark.parametrize("name", differentiable())
def test_gradients_agree_with_differences(name):
    model = model_of(*CASES[name])
    module = nnefx.to_torch(model, dtype=torch.float64)
    (feed,) = (torch.from_numpy(item).double().requires_grad_() for item in feed_of(model).values())
    assert torch.autograd.gradcheck(lambda x: module(x), (feed,), eps=1e-6, atol=1e-4)
    module.zero_grad()
    module(feed).sum().backward()
    assert all(weight.grad is not None for weight in module.parameters())


def test_every_standard_operation_has_a_case_or_a_body_or_numpy():
    tried = {node.name for case in CASES.values() for node in model_of(*case).graph.nodes}
    bodies = {name for name, op in standard_ops().items() if op.signature.body is not None}
    structure = {"external", "constant", "variable", "update", "split", "unstack", "gather"}
    without_gradient = {"max_roi_pool", "avg_roi_pool", "roi_resample"}
    assert set(standard_ops()) - tried - bodies - structure == without_gradient
    assert set(kernels()) - set(standard_ops()) == {
        name for name in kernels() if name.startswith("nnefx_")
    }


MANY = """
version 1.0;
graph g( x, i ) -> ( a, b, c, d, r )
{
    x = external(shape = [4, 6]);
    i = external<integer>(shape = [2, 2]);
    k = constant(shape = [2], value = [1.0, 2.0]);
    [s, t] = split(x, axis = 1, ratios = [1, 2]);
    [a, u, v, w] = unstack(x, axis = 0);
    b = gather(x, i, axis = 1);
    c = concat([s, t, s], axis = 1);
    m, n = moments(x, axes = [1]);
    d = sub(m, n);
    p, q = max_pool_with_index(x, size = [2, 2], stride = [2, 2], padding = [(0,0),(0,0)]);
    r = reshape(p, shape = [1, 6]);
}
"""


def test_operations_with_several_results():
    model = loads(MANY)
    feeds = {"x": np.arange(24, dtype=np.float32).reshape(4, 6), "i": np.array([[0, 5], [2, 2]])}
    wanted, found = Executor(model)(feeds), TorchExecutor(model)(feeds)
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-6)


ROI = """
version 1.0;
graph g( x, r, i ) -> ( a, b, c )
{
    x = external(shape = [1, 2, 8, 8]);
    r = external(shape = [2, 4]);
    i = external<integer>(shape = [2]);
    a = max_roi_pool(x, r, i, output_size = [2, 2]);
    b = avg_roi_align(x, r, i, output_size = [2, 2], sampling_rate = [2, 2]);
    c = roi_resample(x, r, i, output_size = [3, 3]);
}
"""


def test_regions_of_interest_are_computed_by_numpy():
    model = loads(ROI)
    generator = np.random.default_rng(0)
    feeds = {
        "x": generator.normal(size=(1, 2, 8, 8)).astype(np.float32),
        "r": np.array([[0, 0, 4, 4], [1, 2, 7, 6]], np.float32),
        "i": np.array([0, 0]),
    }
    wanted, found = Executor(model)(feeds), TorchExecutor(model)(feeds)
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-5)


# --- modules


def small():
    return model_of("linear(relu(linear(x, w, b)), w)", "2,4", {"w": "4,4", "b": "1,4"})


def test_state_dict_has_labels_as_keys():
    module = nnefx.to_torch(small())
    assert set(module.state_dict()) == {"net/w", "net/b"}
    module.load_state_dict({"net/w": torch.eye(4), "net/b": torch.zeros(1, 4)})
    x = torch.rand(2, 4)
    assert torch.equal(module(x), x)


def test_labels_may_have_dots_and_be_those_of_a_module():
    text = """version 1.0;
    graph g( x ) -> ( y )
    {
        x = external(shape = [2]);
        a = variable(shape = [2], label = 'layer1.0.weight');
        b = variable(shape = [2], label = 'forward');
        c = variable(shape = [2], label = 'LAYER1.0.WEIGHT');
        z = add(x, a);
        u = mul(z, b);
        y = add(u, c);
    }"""
    one = np.ones(2, np.float32)
    graph = loads(text).graph
    model = Model(graph, {"layer1.0.weight": one, "forward": 2 * one, "LAYER1.0.WEIGHT": one})
    module = nnefx.to_torch(model)
    assert set(module.state_dict()) == {"layer1.0.weight", "forward_"}
    assert module(torch.zeros(2)).tolist() == [3, 3]
    assert set(nnefx.from_torch_module(module).weights) == set(model.weights)


def test_trained_weights_are_written_back(tmp_path):
    module = nnefx.to_torch(small())
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    before = module(torch.ones(2, 4)).sum().item()
    for _ in range(3):
        optimizer.zero_grad()
        module(torch.ones(2, 4)).sum().backward()
        optimizer.step()
    after = module(torch.ones(2, 4)).sum().item()
    assert after < before
    save(nnefx.from_torch_module(module), tmp_path / "net.nnef.tgz")
    model = nnefx.load(tmp_path / "net.nnef.tgz")
    found = nnefx.run(model, {"x": np.ones((2, 4), np.float32)})["y"]
    assert found.sum() == pytest.approx(after, rel=1e-5)


def test_module_is_exported_traced_compiled_and_copied():
    model = model_of(*CASES["max_pool_auto"])
    module = nnefx.to_torch(model)
    x = torch.from_numpy(feed_of(model)["x"])
    wanted = module(x)
    again = nnefx.from_torch(module, (x,))
    assert np.allclose(next(iter(nnefx.run(again, {"x": x.numpy()}).values())), wanted.numpy())
    traced = make_fx(module)(x)
    assert torch.equal(traced(x), wanted)
    assert torch.equal(copy.deepcopy(module)(x), wanted)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    assert torch.equal(compiled(x), wanted)


def test_modules_of_another_origin_are_refused():
    with pytest.raises(NnefError) as found:
        nnefx.from_torch_module(torch.nn.Linear(2, 2))
    assert found.value.code == "NX721"


def test_run_with_torch(tmp_path, nnefx):
    save(small(), tmp_path / "net")
    words = ("run", tmp_path / "net", "--random", "1", "-o")
    for backend in ("numpy", "torch"):
        run = nnefx(*words, tmp_path / backend, "--backend", backend, "--dump", tmp_path / backend)
        assert run.exit_code == 0, run.stderr
    names = {path.name for path in (tmp_path / "numpy").iterdir()}
    assert names == {path.name for path in (tmp_path / "torch").iterdir()}
    for name in names:
        ours, theirs = (np.load(tmp_path / backend / name) for backend in ("numpy", "torch"))
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_missing_torch_is_named(monkeypatch):
    import sys

    for name in [name for name in sys.modules if name.startswith("nnefx.execute.torch")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(NnefError) as found:
        nnefx.to_torch(small())
    assert found.value.code == "NX012"
    assert "nnefx[torch]" in str(found.value)
