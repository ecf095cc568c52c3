"""Target profiles: what an OpenVX implementation can do, as one table of data.

Rules ask a profile for a capability; they never ask for its name. Facts come from the OpenVX 1.3
specification and from measured implementations; docs/openvx.md tells them in words.
"""

from dataclasses import dataclass, fields

from nnefx.diagnostics import NnefError


@dataclass(frozen=True, slots=True)
class Profile:
    """The capabilities of one target; the comment of each field says who differs."""

    name: str
    title: str
    code: int  # number in the blob header
    # Numbers
    dtype: str = "int16"
    position: int = 8
    bias_dtype: str = "int16"  # VeriSilicon wants int32 at position 16
    bias_position: int = 8
    product_rounding: bool = True  # plan for implementations that round every product
    rounding: str = "VX_ROUND_POLICY_TO_ZERO"
    any_multiply_scale: bool = False  # TensorMultiply takes more than 1/2**n
    # Nodes
    size_rules: tuple[str, ...] = ("floor", "ceiling", "nearest")  # strides are inferred by these
    average_node: bool = True  # PoolingLayer AVG works for the data type
    average_counts_border: bool = True  # its divisor is the whole window (MIVisionX: valid items)
    max_border: str = "either"  # 'ignore', 'constant', or 'either': do not rely on it
    activations: frozenset[str] = frozenset({"RELU"})
    lut: bool = True
    lut_rescales: bool = True  # VeriSilicon: tables work in graphs of their own only
    convert_node: bool = True  # ConvertDepth takes the data type, beside other nodes too
    normalization: str = ""  # the function of a node for local response normalization
    matrix_node: bool = True  # TensorMatrixMultiply takes the data type and works
    softmax_node: bool = True
    softmax_in_views: bool = False
    dilation: bool = False
    extended: bool = False  # structures of VeriSilicon: either side's padding, stride, depthwise
    # Limits
    max_references: int = 0  # 0: no known limit
    max_visits: int = 0  # steps along paths in verification, see paths.py; 0: no known limit
    node_cost: int = 200_000  # one more node is worth this many multiplications


_KHR16 = Profile("khr16", "OpenVX 1.3 with KHR_NN_16 as specified: INT16 Q7.8", 0)

PROFILES: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        _KHR16,
        Profile(
            "khronos-sample",
            "Khronos sample implementation, with its bugs worked around",
            1,
            average_node=False,
            max_border="ignore",
            max_references=4096 - 101,  # a new context has those already
            max_visits=1_000_000,
        ),
        Profile(
            "float32",
            "vendor floating point (MIVisionX)",
            2,
            dtype="float32",
            position=0,
            bias_dtype="float32",
            bias_position=0,
            product_rounding=False,
            rounding="VX_ROUND_POLICY_TO_NEAREST_EVEN",
            any_multiply_scale=True,
            average_counts_border=False,
            max_border="ignore",
            activations=frozenset({"RELU", "LOGISTIC", "HYPERBOLIC_TAN", "SOFTRELU"}),
            lut=False,
            convert_node=False,
            matrix_node=False,
            softmax_in_views=True,
            normalization="vxLocalResponseNormalizationLayer",
        ),
        Profile(
            "verisilicon",
            "VeriSilicon: extension structures, INT32 biases",
            3,
            bias_dtype="int32",
            bias_position=16,
            product_rounding=False,
            rounding="VX_ROUND_POLICY_TO_NEAREST_EVEN",
            extended=True,
            normalization="vxNormalizationLayer2",
            lut_rescales=False,
            convert_node=False,
            matrix_node=False,
        ),
    )
}


def profile(name: str) -> Profile:
    """Return the profile `name`; NX601 where there is none."""
    if name not in PROFILES:
        raise NnefError("NX601", f"profile '{name}' is unknown, expected one of {_names()}")
    return PROFILES[name]


def _names() -> str:
    return ", ".join(PROFILES)


def table() -> list[tuple[str, ...]]:
    """Return the profiles as rows for people: capability, then its value in each profile."""
    rows = [("capability", *PROFILES)]
    for item in fields(Profile)[3:]:
        values = (getattr(entry, item.name) for entry in PROFILES.values())
        rows.append((item.name.replace("_", " "), *(_cell(value) for value in values)))
    return rows


def _cell(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case frozenset() | tuple():
            return " ".join(sorted(value)) or "-"
        case _:
            return str(value)
