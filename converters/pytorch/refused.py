"""Operators that no NNEF can express, with the reason that a user is told."""

RANDOM = "it draws random numbers, which NNEF cannot"
DATA = "the shape of its result depends on the values of its operand, which NNEF cannot express"
MEMORY = "it depends on how items lie in memory, which NNEF leaves open"
DATA_PLACES = "where its items go depends on the mask, which NNEF cannot express"
BAGS = "bags whose extents depend on the values of offsets cannot be expressed"
BACKWARD = "it is part of a backward pass, which NNEF does not describe"

REASONS = {
    **dict.fromkeys(
        (
            "rand", "randn", "randperm", "randint", "bernoulli", "normal", "multinomial",
            "rand_like", "randn_like", "randint_like", "uniform", "exponential",
            "normal_functional", "poisson", "rrelu_with_noise", "cauchy", "geometric",
            "log_normal", "random",
        ),
        RANDOM,
    ),
    **dict.fromkeys(
        (
            "nonzero", "nonzero_numpy", "masked_select", "unique_dim", "_unique2",
            "unique_consecutive", "repeat_interleave.Tensor", "bincount", "equal", "argwhere",
        ),
        DATA,
    ),
    **dict.fromkeys(("as_strided_scatter", "sym_storage_offset", "sym_stride", "set"), MEMORY),
    **dict.fromkeys(
        (
            "_adaptive_avg_pool2d_backward", "avg_pool2d_backward", "convolution_backward",
            "embedding_dense_backward", "max_pool2d_with_indices_backward",
            "native_group_norm_backward", "native_layer_norm_backward",
        ),
        BACKWARD,
    ),
    "masked_scatter": DATA_PLACES,
    "_embedding_bag": BAGS,
}  # fmt: skip

# Refusals for which the values of operands are to blame, which the user may be able to fix.
BY_VALUES = frozenset((DATA, DATA_PLACES, BAGS))


def reason(target: object) -> str | None:
    """Return why an operator cannot be imported at all, if that is so."""
    name = str(target).removeprefix("aten.")
    return REASONS.get(name) or REASONS.get(name.rpartition(".")[0])
