"""ATen operators, each on samples that PyTorch's own test suite makes from its schema.

Every sample goes the whole way: exported, imported, parsed by the Khronos parser, run with numpy
and as a PyTorch module made of the NNEF graph, and compared with eager mode.
"""

import warnings

import nnef
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # the samples of PyTorch need it

from torch import nn  # noqa: E402
from torch.utils import _pytree as pytree  # noqa: E402

from nnefx.converters.pytorch.read import _FAMILIES, read_module  # noqa: E402
from nnefx.converters.pytorch.refused import REASONS  # noqa: E402
from nnefx.converters.pytorch.tables import rules  # noqa: E402
from nnefx.diagnostics import NnefError  # noqa: E402
from nnefx.execute.executor import Executor  # noqa: E402
from nnefx.execute.torch.executor import TorchExecutor  # noqa: E402
from nnefx.ir.unbuild import unbuild  # noqa: E402
from nnefx.syntax.printer import print_document  # noqa: E402
from nnefx.tensors.model import Model  # noqa: E402

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

pytestmark = [
    pytest.mark.xdist_group("torch"),
    pytest.mark.filterwarnings("ignore"),  # PyTorch warns about what its own samples do
]

# Families of functions that no network is made of; the rest of the samples is all tried.
_LEFT_OUT = (
    "linalg.", "masked.", "signal.", "special.", "sparse", "jiterator", "_refs", "torch.ops",
    "cholesky", "lu", "geqrf", "ormqr", "qr", "svd", "triangular", "pinverse", "matrix_exp",
    "hash_tensor", "segment_reduce", "_segment",
)  # fmt: skip
# What must be refused, and with which codes: random numbers, results whose shape depends on values,
# functions without a counterpart.
REFUSED = {
    "NX701": {
        "cauchy", "exponential", "geometric", "log_normal", "pca_lowrank", "svd_lowrank",
        "as_strided_scatter", "nn.functional.fractional_max_pool2d", "uniform",
        "nn.functional.fractional_max_pool3d", "max_pool2d_with_indices_backward", "randn",
        "randn_like", "rand_like", "randint", "randint_like", "multinomial", "normal", "bernoulli",
        "cummax", "cummin", "frexp", "i0", "igamma", "igammac", "mode", "mvlgamma", "nextafter",
        "polygamma", "histogram", "histogramdd", "histc", "resize_", "resize_as_", "to_sparse",
        "digamma", "erfinv", "lgamma", "nn.functional.embedding_bag", "istft", "gcd", "lcm", "norm",
    },
    "NX717": {
        "masked_scatter", "masked_select", "unique", "unique_consecutive", "bincount", "argwhere",
        "nonzero", "nonzero_static", "corrcoef", "cov", "nn.functional.ctc_loss",
        "nn.functional.gaussian_nll_loss",
    },
    "NX704": {"chalf"},
}  # fmt: skip
# Some samples are refused, the others must be right.
MIXED = {
    "complex": {}, "index_put": {"NX717", "NX702"}, "narrow": {"NX718"}, "pad": {"NX706"},
    "nn.functional.pad": {"NX706"}, "linspace": {"NX705"}, "logspace": {"NX705"},
    "nn.functional.one_hot": {"NX717"}, "tensor_split": {"NX701", "NX717"},
    "nn.functional.rrelu": {"NX702"}, "nn.functional.dropout2d": {"NX702"},
    "nn.functional.dropout3d": {"NX702"}, "nn.functional.feature_alpha_dropout": {"NX702"},
    "nn.functional.dropout": {"NX702"}, "nn.functional.alpha_dropout": {"NX702"},
    "nn.functional.embedding": {"NX701"}, "native_batch_norm": {"NX713"},
    "nn.functional.adaptive_max_pool1d": {"NX713"}, "nanmedian": {"NX701"},
    "nn.functional.adaptive_max_pool2d": {"NX713"}, "index_reduce": {"NX704"},
    "nn.functional.adaptive_max_pool3d": {"NX713"}, "scatter_reduce": {"NX704"},
    "nn.functional.linear_cross_entropy": {"NX701"}, "quantile": {"NX701"},
    "nanquantile": {"NX701"}, "isin": {"NX701"}, "norm": {"NX701"},
    "nn.functional.multi_head_attention_forward": {"NX702"},
    "nn.functional.scaled_dot_product_attention": {"NX702"},
    "native_dropout_backward": {"NX701"}, "fft.fft2": {"NX704"}, "fft.fftn": {"NX704"},
    "fft.ifft2": {"NX704"}, "fft.ifftn": {"NX704"}, "combinations": {"NX717", "NX718"},
    "nn.functional.silu": {"NX704"},
    "nn.functional.batch_norm": {"NX713"}, "copysign": {},
}  # fmt: skip
_UNDEFINED = {"empty", "empty_like", "empty_strided", "empty_permuted", "new_empty",
              "new_empty_strided"}  # fmt: skip


def _is_tried(op):
    return not op.name.startswith(_LEFT_OUT) and op.name not in _UNDEFINED


class Call(nn.Module):
    """Calls an operator with the tensors among its arguments as inputs."""

    def __init__(self, op, sample):
        super().__init__()
        self.op = op
        arguments = (sample.input, *sample.args), sample.kwargs
        self.flat, self.spec = pytree.tree_flatten(arguments)
        self.places = [i for i, item in enumerate(self.flat) if isinstance(item, torch.Tensor)]
        self.tensors = tuple(self.flat[i].detach().clone() for i in self.places)

    def forward(self, *tensors):
        items = list(self.flat)
        for index, tensor in zip(self.places, tensors):
            items[index] = tensor
        args, kwargs = pytree.tree_unflatten(items, self.spec)
        result = self.op(*args, **kwargs)
        return tuple(result) if isinstance(result, tuple) else result


def parts(tensors):
    """Return arrays of tensors, two for a complex one."""
    found = []
    for tensor in tensors:
        plain = tensor.detach().resolve_conj()
        if plain.is_complex():
            found += [plain.real.numpy(), plain.imag.numpy()]
        else:
            found.append((plain.float() if plain.dtype is torch.bfloat16 else plain).numpy())
    return found


def samples(op, count):
    types = (torch.float32, torch.int64, torch.bool, torch.complex64)
    dtype = next((item for item in types if item in op.dtypes), None)
    if dtype is None:
        return []
    found = list(op.sample_inputs("cpu", dtype, requires_grad=False))
    return found[:: max(len(found) // count, 1)][:count]


def agrees(ours, theirs, tolerance):
    ours, theirs = (item.astype(np.float64).ravel() for item in (ours, theirs))
    if ours.size != theirs.size:
        return False
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    with np.errstate(all="ignore"):
        gap = np.nan_to_num(np.where(same, 0, np.abs(ours - theirs)), nan=np.inf)
    finite = np.abs(theirs[np.isfinite(theirs)])
    return gap.max(initial=0) <= 1e-5 + tolerance * finite.max(initial=0)


def converted(op, sample):
    """Return what comes out beside what eager mode gives, or the code of the refusal."""
    module = Call(op.op, sample)
    if any(tensor.numel() == 0 for tensor in module.tensors):
        return None
    try:
        result = module(*(tensor.clone() for tensor in module.tensors))
    except (RuntimeError, IndexError):
        return None  # eager mode refuses its own sample
    wanted = [item for item in pytree.tree_leaves(result) if isinstance(item, torch.Tensor)]
    if not wanted or any(item.numel() == 0 for item in wanted):
        return None
    try:
        imported = read_module(module, module.tensors)
    except NnefError as error:
        return error.code
    graph = imported.graph
    arrays = parts(module.tensors) or [np.zeros(v.shape, np.float32) for v in graph.inputs]
    feeds = {value.name: array for value, array in zip(graph.inputs, arrays, strict=True)}
    text = print_document(unbuild(graph))
    nnef.parse_string(text)
    model = Model(graph, imported.weights)
    runs = [list(run(model)(feeds).values()) for run in (Executor, TorchExecutor)]
    return runs, parts(wanted)


@pytest.mark.parametrize(
    "op", [op for op in op_db if _is_tried(op)], ids=lambda op: op.formatted_name
)
def test_operator_agrees_with_eager_mode_or_is_refused(op):
    refused = next((code for code, names in REFUSED.items() if op.name in names), None)
    allowed = MIXED.get(op.name, set())
    tolerance = 1e-2 if op.name in ("half", "bfloat16") else 1e-4
    torch.manual_seed(0)
    for sample in samples(op, 2):
        found = converted(op, sample)
        if found is None:
            continue
        if isinstance(found, str):
            assert found == refused or found in allowed, found
            continue
        runs, wanted = found
        for outputs in runs:
            assert len(outputs) == len(wanted)
            for ours, theirs in zip(outputs, wanted):
                assert agrees(ours, theirs, tolerance)


def load_rules():
    from importlib import import_module

    for family in _FAMILIES:
        import_module(f"nnefx.converters.pytorch.{family}")


def core_operators():
    """Return all operators that PyTorch tags as core."""
    found = []
    for name in dir(torch.ops.aten):
        packet = getattr(torch.ops.aten, name)
        if isinstance(packet, torch._ops.OpOverloadPacket):
            overloads = (getattr(packet, item) for item in packet.overloads())
            found += [op for op in overloads if torch.Tag.core in op.tags]
    return found


@pytest.mark.parametrize("op", core_operators(), ids=str)
def test_every_core_operator_has_a_rule_or_a_reason(op):
    from nnefx.converters.pytorch.importer import find
    from nnefx.converters.pytorch.refused import reason

    load_rules()
    assert find(op) is not None or reason(op) is not None


def test_rules_name_the_parameters_of_their_operators():
    import torch.ao.quantization.fx._decomposed

    load_rules()
    faults = []
    for name in rules.names():
        space, _, bare = name.rpartition("::")
        base, _, overload = bare.partition(".")
        packet = getattr(getattr(torch.ops, space or "aten"), base, None)
        if packet is None:
            if hasattr(torch.ops.aten, f"{base}_"):
                packet = getattr(torch.ops.aten, f"{base}_")
            else:
                continue  # an operator of another version of PyTorch
        overloads = [overload] if overload else packet.overloads()
        known = {
            argument.name
            for item in overloads
            if item in packet.overloads()
            for argument in getattr(packet, item)._schema.arguments
        }
        rule = rules.find(name, 1)
        faults += [
            f"{name}: {item}"
            for item in rule.inputs[: rule.required]
            if known and item not in known
        ]
    assert faults == []


def test_reasons_are_for_operators_without_rules():
    load_rules()
    assert not set(REASONS) & set(rules.names())
