"""How scales are chosen: what must hold holds, and digits go where the noise is."""

import numpy as np
import pytest

from nnefx.execute.executor import Executor
from nnefx.ir.graph import Value
from nnefx.openvx import lower, simulate
from nnefx.openvx.plan import Plan
from nnefx.openvx.profiles import profile
from nnefx.openvx.regions import find_regions, needed_range
from nnefx.openvx.scales import LIMIT, Scaling, Weights
from nnefx.passes.constants import Constants
from nnefx.quantization.observe import Observed
from openvx_nets import Net, hard_swish


def values(count: int) -> list[Value]:
    return [Value(f"v{number}", "scalar", (1,)) for number in range(count)]


def scaling(limits: dict[Value, float], **options) -> Scaling:
    observed = {}
    for value, limit in limits.items():
        observed[value] = Observed()
        observed[value].add(np.linspace(-limit, limit, 101))
    return Scaling(profile("khr16"), observed, limits, **options)


@pytest.mark.parametrize(("peak", "scale"), [(1.0, 64.0), (127.9, 1.0), (128.1, 0.5), (0.01, 8192)])
def test_the_largest_power_of_two_that_fits_is_chosen(peak: float, scale: float):
    (value,) = values(1)
    s = scaling({value: peak})
    s.stored(value)
    assert s.solve([value]) == {value: scale}


def test_what_shares_a_scale_gets_the_smallest():
    a, b, c = values(3)
    s = scaling({a: 1.0, b: 20.0, c: 0.1})
    s.same(a, b)
    s.same(b, c)
    assert set(s.solve([a, b, c]).values()) == {4.0}


def test_bounds_pull_down_what_depends_on_them():
    a, b, c = values(3)
    s = scaling({a: 100.0, b: 1.0, c: 1.0})
    s.at_most(b, a)
    s.at_most(c, b, room=-2.0)
    assert s.solve([c, b, a]) == {a: 1.0, b: 1.0, c: 0.25}


def test_fixed_scales_stay():
    a, b = values(2)
    s = scaling({a: 1.0, b: 1.0})
    s.fix(a, 1.0)
    s.same(b, a)
    assert s.solve([a, b]) == {a: 1.0, b: 1.0}


def test_fine_scales_lie_between_powers_of_two_but_for_products():
    a, b, c, d = values(4)
    s = scaling({a: 0.7, b: 0.7, c: 0.7, d: 0.7}, fine=True)
    s.product(c, b, b)
    found = s.solve([a, b, c, d])
    assert np.log2(found[a]) % 1 != 0
    assert np.log2(found[b]) % 1 == 0


def test_inputs_give_up_digits_that_weights_need():
    x, y = values(2)
    s = scaling({x: 1.0, y: 8.0})
    s.weighted(y, x, Weights(0.05, 0.05**2 / 3, 64))
    s.stored(y)
    found = s.solve([x, y])
    assert found[x] < 64.0
    assert 0.05 * found[y] / found[x] <= LIMIT


def test_weights_and_biases_fit_their_type():
    for scale in (1e-4, 1.0, 300.0):
        net = Net()
        y = net.conv(net.input(1, 4, 5, 5), net.weight(3, 4, 1, 1, scale=scale),
                     net.weight(1, 3, scale=90.0 * scale))  # fmt: skip
        plan = lower(net.model(y), calibration={"x": np.ones((1, 4, 5, 5))})
        for tensor in plan.tensors:
            if tensor.payload is not None:
                assert np.abs(tensor.payload.read().astype(int)).max() < 32767


@pytest.mark.parametrize(
    ("make", "low", "high"),
    [
        (lambda n, x: n.relu(x), 99.0, 100.0),
        (lambda n, x: n.clamp(x, 0.0, 6.0), 5.9, 6.2),
        (lambda n, x: n.sigmoid(x), 8.0, 14.0),
        (lambda n, x: hard_swish(n, x), 99.0, 100.0),
        (lambda n, x: n.exp(n.neg(n.abs(x))), 8.0, 14.0),
    ],
)
def test_what_a_function_flattens_may_saturate(make, low: float, high: float):
    net = Net()
    x = net.input(1, 4)
    y = make(net, x)
    model = net.model(y)
    constants = Constants(model)
    region = find_regions(model.graph, constants).by_result[y]
    found = needed_range([region], {x: 100.0, y: 1.0}, constants)
    assert low <= found <= high


def test_clip_policies_weigh_outliers():
    observed = Observed()
    observed.add(np.concatenate([np.random.default_rng(0).standard_normal(100_000), [1000.0]]))
    assert observed.limit("max") == 1000.0
    assert observed.limit("percentile") < 10.0
    assert observed.limit("mse") == 1000.0  # to clip one such outlier costs more than coarse steps


def test_the_mean_square_error_clips_what_costs_little():
    observed = Observed(largest=2.0, reach=2.0)
    middle = len(observed.parts) // 2
    observed.parts[middle : middle + middle // 2] = 10**13
    observed.parts[-1] = 1
    assert observed.limit("mse") == 1.0


def test_ranges_grow_without_losing_what_was_counted():
    observed = Observed()
    for peak in (1.0, 3.0, 100.0):
        observed.add(np.full(10, peak))
    assert observed.bins.sum() == 30
    assert observed.largest == 100.0
    assert observed.clipped_square(2.0) < observed.mean_square


def test_no_scale_is_needed_for_values_that_are_always_zero():
    net = Net()
    plan: Plan = lower(net.model(net.relu(net.input(1, 3))), calibration={"x": np.zeros((1, 3))})
    assert all(np.isfinite(tensor.scale) for tensor in plan.tensors)


def test_every_product_fits_where_implementations_saturate_products():
    net = Net()
    weights = np.zeros((1, 2, 1, 1), np.float32)
    weights[0, :, 0, 0] = [40.0, -40.0]
    x = net.input(1, 2, 4, 4)
    y = net.conv(x, net.numbers(weights), 0.0)
    model = net.model(y)
    same = np.random.default_rng(0).uniform(1, 2, (1, 1, 4, 4))
    sample = {"x": np.concatenate([same, same + 0.01], axis=1).astype(np.float32)}
    plan = lower(model, "khronos-sample", calibration=sample)
    (result,) = (tensor for tensor in plan.tensors if tensor.role == "output")
    assert 40 * 2 * result.scale <= 128
    found = simulate(plan, sample, "product")[result.source]
    assert np.abs(found - Executor(model)(sample)[result.source]).max() < 0.5
