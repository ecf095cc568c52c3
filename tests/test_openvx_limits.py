"""Plans that have to fit what a target can hold: references, and paths through the graph."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnefx.diagnostics import NnefError
from nnefx.execute.executor import Executor
from nnefx.openvx import lower, refused, simulate, snr, write_stubs
from nnefx.openvx.functions import FUNCTIONS
from nnefx.openvx.paths import visits
from nnefx.openvx.plan import Plan, Ref
from nnefx.openvx.profiles import PROFILES
from openvx_nets import Net


def depthwise(layers: int, channels: int, extent: int) -> Any:
    """Layers of one filter for each channel, with one that joins the channels between."""
    n = Net()
    x = n.input(1, channels, extent, extent)
    y = x
    for _ in range(layers):
        y = n.relu(n.conv(y, n.weight(channels, 1, 3, 3), 0.1, groups=channels))
        y = n.conv(y, n.weight(channels, channels, 1, 1), 0.0)
    return n.model(y)


def walked(plan: Plan) -> int:
    """Count as visits() does, by walking; for plans without views."""

    def names(call: Any, output: bool) -> set[str]:
        pairs = zip(FUNCTIONS[call.function].params, call.args)
        return {a.name for p, a in pairs if isinstance(a, Ref) and p.output == output}

    reads = [names(call, False) for call in plan.calls]
    writes = [names(call, True) for call in plan.calls]
    below = [[i for i, read in enumerate(reads) if read & write] for write in writes]

    def walk(node: int) -> int:
        return 1 + sum(map(walk, below[node]))

    heads = set(range(len(reads))) - {i for found in below for i in found}
    return sum(map(walk, heads))


def residual(n: Net, blocks: int) -> Any:
    y = n.input(1, 2, 3, 3)
    for _ in range(blocks):
        y = n.g.add("add", n.conv(y, n.weight(2, 2, 1, 1), 0.0), y)
    return n.model(y)


def test_visits_are_the_steps_of_a_walk_along_all_paths():
    plan = lower(residual(Net(), 6), "khronos-sample")
    assert visits(plan) == walked(plan) > 2**6


def test_parts_that_do_not_meet_are_no_path():
    n = Net()
    first, second = n.g.add("split", n.input(1, 4, 2, 2), axis=1, ratios=[1, 1])
    joined = n.concat([n.relu(first), n.sigmoid(second)], axis=1)
    last = n.g.add("split", joined, axis=1, ratios=[1, 1])
    plan = lower(n.model(n.exp(last[0]), n.exp(last[1])), "khr16")
    assert len(plan.calls) == visits(plan)


def test_groups_are_joined_until_a_graph_can_be_verified():
    model = depthwise(12, 16, 40)
    apart, joined = lower(model, "khr16"), lower(model, "khronos-sample")
    assert visits(apart) > PROFILES["khronos-sample"].max_visits >= visits(joined)
    assert len(joined.calls) < len(apart.calls)


def test_groups_are_joined_until_a_context_can_hold_the_references():
    model = depthwise(3, 512, 30)
    most = PROFILES["khronos-sample"].max_references
    assert lower(model, "khr16").references > most >= lower(model, "khronos-sample").references


def test_joined_groups_compute_the_same():
    model = depthwise(8, 8, 72)
    x = {"x": np.random.default_rng(0).uniform(-1, 1, (1, 8, 72, 72)).astype(np.float32)}
    plan = lower(model, "khronos-sample", calibration=x)
    expected = Executor(model)(x)
    for name, values in simulate(plan, x).items():
        assert snr(values.astype(float), expected[name].astype(float)) > 25


def test_paths_that_nothing_can_join_are_refused():
    with pytest.raises(NnefError) as caught:
        lower(residual(Net(), 24), "khronos-sample")
    assert caught.value.code == "NX605"
    assert "steps to verify" in str(caught.value)


def test_means_of_too_many_dimensions_are_refused_as_such():
    n = Net()
    x = n.input(1, 2, 3, 4)
    model = n.model(n.mean_reduce(n.stack([x, x], axis=1), axes=[1]))
    with pytest.raises(NnefError, match="stack: 'stack': rank 5 exceeds 4"):
        lower(model)


def test_reshapes_between_batches_are_refused_as_such():
    n = Net()
    x = n.reshape(n.input(1, 24, 5, 5), shape=[600, 1, 1, 1])
    model = n.model(n.conv(x, n.weight(2, 1, 1, 1), 0.0))
    with pytest.raises(NnefError, match="moves items between batches of 1 and 600"):
        lower(model)


def test_bounds_without_end_lose_nothing_in_floating_point():
    n = Net()
    model = n.model(n.clamp(n.input(1, 9), -1e38, 1e38), n.min(1e30, n.input(1, 9, name="y")))
    inputs = {name: np.linspace(-2, 2, 9, dtype=np.float32).reshape(1, 9) for name in "xy"}
    results = simulate(lower(model, "float32"), inputs)
    for name, expected in Executor(model)(inputs).items():
        assert np.array_equal(results[name], expected)


def test_externals_get_no_user_kernel(tmp_path: Path):
    n = Net()
    model = n.model(n.sigmoid(n.input(1, 2, 2, 2, 2, 2)))
    faulty = refused(model)
    assert faulty[0].name == "external"
    assert [file.name for file in write_stubs(faulty, tmp_path)] == [
        f"{name}.c" for name in dict.fromkeys(node.name for node in faulty[1:])
    ]
