"""Post-training quantization: what is chosen, what is written, and what it costs."""

import json

import numpy as np
import pytest

import nnefx
from nnefx import NnefError
from nnefx.execute.executor import Executor
from nnefx.execute.simulate import simulate
from nnefx.quantization import Observed, Options, Quantized, quantize
from nnefx.quantization.budget import Choice, choose, file_bytes
from nnefx.quantization.ranges import range_of
from nnefx.quantization.steps import entry_of, integers, reals
from nnefx.tensors.dequantize import dequantize
from nnefx.tensors.grid import grid_of
from quantized_nets import NORMALIZED, PAIR, net, samples

MODEL = net()
SAMPLES = samples()


def made(**options) -> Quantized:
    return quantize(MODEL, SAMPLES, Options(**options))


def distance(one, other, fed=SAMPLES) -> float:
    """The mean square error of the outputs, as a share of the signal."""
    ours = [Executor(one)(sample) for sample in fed]
    theirs = [Executor(other)(sample) for sample in fed]
    pairs = [(a[name], b[name]) for a, b in zip(ours, theirs) for name in b]
    return sum(np.square(a - b).sum() for a, b in pairs) / sum(np.square(b).sum() for _, b in pairs)


# ---- what is written


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"per_channel": True},
        {"symmetric": "all"},
        {"symmetric": "none", "per_channel": True},
        {"algorithm": "min-max"},
        {"algorithm": "min-max", "symmetric": "none", "per_channel": True},
        {"method": "percentile"},
        {"method": "entropy"},
        {"method": "mse"},
        {"bias_correction": True},
        {"equalize": True},
        {"bits": 16},
        {"weight_bits": 6, "per_channel": True},
        {"fake": True, "per_channel": True},
        {"fake": True, "algorithm": "min-max", "symmetric": "none", "per_channel": True},
    ],
    ids=str,
)
def test_result_is_valid_and_survives_saving_and_is_near_the_real_network(options, tmp_path):
    found = made(**options)
    nnefx.save(found.model, tmp_path / "net")
    assert nnefx.check(tmp_path / "net") == []
    loaded = nnefx.load(tmp_path / "net")
    assert distance(loaded, found.model) < 1e-12
    assert distance(loaded, MODEL) < 0.01


def test_weights_are_integers_of_the_width_that_was_asked_for(tmp_path):
    found = made(bits=4, per_channel=True)
    nnefx.save(found.model, tmp_path / "net")
    filter_ = found.model.weights["c1/f"]
    assert filter_.dtype == np.int8
    assert (filter_.min(), filter_.max()) == (-7, 7)
    assert (tmp_path / "net/c1/f.dat").stat().st_size == 128 + 8 * 27 // 2
    assert found.report.bytes_after == sum(f.stat().st_size for f in tmp_path.glob("net/**/*.dat"))


def test_a_bias_has_the_step_of_the_sum_that_it_is_added_to():
    found = made(per_channel=True)
    entries = found.model.quantization
    data, weights, bias = (grid_of(entries[name]) for name in ("x", "f", "b"))
    np.testing.assert_allclose(bias.scale[0], data.scale * weights.scale, rtol=1e-6)
    assert entries["b"].attributes["bits"] == 32
    assert found.model.weights["c1/b"].dtype == np.int32
    stands = dequantize(found.model.weights["c1/b"], entries["b"])
    np.testing.assert_allclose(stands, MODEL.weights["c1/b"], atol=float(bias.scale.max()))


def test_what_is_computed_with_the_layer_before_leaves_no_entry_between():
    entries = made().model.quantization
    assert "c" not in entries  # the sum before the relu
    assert entries["r"] == entries["p"]  # a pool only chooses
    assert "y" not in entries  # softmax stays real
    assert "l" not in entries  # and so does what only it reads
    assert list(entries) == ["x", "f", "b", "r", "p", "f2", "c2", "s", "a", "g", "q", "w", "v"]


def test_batch_normalization_is_folded_first():
    found = quantize(net(NORMALIZED), SAMPLES, Options(per_channel=True))
    assert [node.name for node in found.model.graph.nodes if node.name != "variable"] == [
        "external", "conv", "relu",
    ]  # fmt: skip
    assert found.report.outputs["y"] > 35


def test_operations_in_the_graph_give_what_entries_give(tmp_path):
    entries, fake = (made(per_channel=True, fake=flag).model for flag in (False, True))
    assert fake.quantization == {}
    assert all(array.dtype.kind == "f" for array in fake.weights.values())
    names = [node.name for node in fake.graph.nodes]
    assert names.count("zero_point_linear_quantize") == 11  # biases stay real
    assert [v.name for v in (*fake.graph.inputs, *fake.graph.outputs)] == ["x", "y"]
    assert distance(fake, entries) < 1e-6


# ---- ranges


def observed(*arrays) -> Observed:
    found = Observed()
    for array in arrays:
        found.add(np.asarray(array, np.float32))
    return found


NORMAL = np.random.default_rng(3).standard_normal(200_000)
OUTLIER = np.append(NORMAL, 40.0)


def test_max_is_what_was_seen_and_0():
    assert range_of(observed([3.0, 2.0], [1.0]), Options(), symmetric=False) == (0.0, 3.0)
    assert range_of(observed([-3.0, -2.0]), Options(), symmetric=False) == (-3.0, 0.0)
    assert range_of(observed([0.0, 0.0]), Options(), symmetric=False) == (0.0, 0.0)


@pytest.mark.parametrize("share", [90.0, 99.0, 99.9])
def test_percentile_is_that_of_numpy(share):
    low, high = range_of(
        observed(NORMAL), Options(method="percentile", percentile=share), symmetric=False
    )
    edges = np.percentile(NORMAL, [(100 - share) / 2, (100 + share) / 2])
    np.testing.assert_allclose([low, high], edges, atol=0.01)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("bits", [4, 6, 8])
def test_mse_has_the_least_error_of_all_ranges(bits, symmetric):
    values = OUTLIER.astype(np.float32)
    options = Options(method="mse", bits=bits)
    ends = range_of(observed(values), options, symmetric=symmetric)

    def error(low, high):
        entry = entry_of(np.asarray(low), np.asarray(high), bits, symmetric=symmetric)
        return np.square(values - reals(values, entry)).sum()

    tried = [error(min(-k, 0), k) for k in np.linspace(0.5, 40, 80)]
    assert error(*ends) < min(tried) * 1.05
    assert error(*ends) < error(values.min(), values.max())


def test_entropy_cuts_what_is_far_out_and_keeps_what_is_even():
    options = Options(method="entropy")
    low, high = range_of(observed(OUTLIER), options, symmetric=True)
    assert 2.5 < high < 20.0
    assert -low < 6.0
    even = np.linspace(-1, 1, 100_000)
    _, high = range_of(observed(even), options, symmetric=True)
    assert high > 0.95


def test_observing_in_parts_gives_what_observing_at_once_gives():
    parts = np.split(NORMAL.astype(np.float32), 100)
    apart, whole = observed(*parts), observed(NORMAL)
    assert (apart.low, apart.high, apart.count) == (whole.low, whole.high, whole.count)
    for method in ("percentile", "entropy", "mse"):
        options = Options(method=method)
        ranges = [range_of(seen, options, symmetric=False) for seen in (apart, whole)]
        np.testing.assert_allclose(*ranges, rtol=0.1 if method == "entropy" else 0.03)


def test_memory_of_what_is_observed_does_not_grow():
    seen = observed(*([0.5 * k] for k in range(1000)))
    assert seen.parts.size == observed([1.0]).parts.size
    assert seen.parts.sum() == 999  # the first was 0, when there was no range yet


# ---- weights


@pytest.mark.parametrize("bits", [4, 5, 8, 12])
def test_scales_per_channel_cost_less_than_one(bits):
    whole, each = (made(weight_bits=bits, per_channel=flag).report for flag in (False, True))
    for one, other in zip(whole.layers, each.layers):
        if one.weight:
            assert other.weight.snr > one.weight.snr - 0.01


def test_few_bits_are_chosen_for_the_least_error():
    reports = [made(weight_bits=4, weight_method=method).report for method in ("max", "mse")]
    for one, other in zip(*(report.layers for report in reports)):
        if one.weight:
            assert other.weight.snr >= one.weight.snr
    assert made(weight_bits=4).report.layers[0].weight == reports[1].layers[0].weight
    assert made().report.layers[0].weight == made(weight_method="max").report.layers[0].weight


def test_equalization_helps_one_scale_and_computes_the_same():
    model = net(PAIR, seed=4)
    plain, level = (
        quantize(model, SAMPLES, Options(weight_bits=6, equalize=flag)) for flag in (False, True)
    )
    assert distance(level.model, model) < distance(plain.model, model)


def test_equalization_leaves_channels_that_are_all_but_dead():
    body = PAIR.replace("c = conv(x, f);", "b = variable<scalar>(shape = [1,8], label = 'b');\n"
                        "    c = conv(x, f, b);")  # fmt: skip
    model = net(body)
    model.weights["f"][3] *= 1e-5
    model.weights["b"][0, 3] = 0.5
    level = quantize(model, SAMPLES, Options(equalize=True))
    assert level.report.outputs["y"] > quantize(model, SAMPLES).report.outputs["y"] - 3


def test_bias_correction_takes_the_mean_error_away():
    def bias(found):
        ours = [Executor(found.model)(s) for s in shifted]
        theirs = [Executor(model)(s) for s in shifted]
        errors = [a["y"] - b["y"] for a, b in zip(ours, theirs)]
        return np.abs(np.mean(errors, axis=(0, 1, 3, 4))).sum()

    model = net("f = variable<scalar>(shape = [4,3,3,3], label = 'f');\n    y = conv(x, f);")
    shifted = [{"x": sample["x"] + 2} for sample in SAMPLES]
    plain, corrected = (
        quantize(model, shifted, Options(weight_bits=4, activation_bits=16, bias_correction=flag))
        for flag in (False, True)
    )
    assert bias(corrected) < bias(plain) / 100


@pytest.mark.parametrize("turned", ["true", "false"])
@pytest.mark.parametrize("first", [True, False])
def test_matrices_have_a_scale_for_each_row_or_column_of_the_result(first, turned):
    shape = [8, 6] if (turned == "true") == first else [6, 8]
    rows, columns = (
        ("w, r", f"transposeA = {turned}") if first else ("r, w", f"transposeB = {turned}")
    )
    body = f"r = reshape(x, shape = {[8, 24] if first else [24, 8]});\n"
    body += f"    w = variable<scalar>(shape = {shape}, label = 'w');\n"
    found = quantize(
        net(f"{body}    y = matmul({rows}, {columns});"), SAMPLES, Options(per_channel=True)
    )
    (weight,) = (layer.weight for layer in found.report.layers if layer.weight)
    assert len(weight.scale) == 6
    assert found.report.outputs["y"] > 30


# ---- what stays real, and budgets


@pytest.mark.parametrize(
    ("pattern", "gone", "real"),
    [
        ("conv", {"f", "b", "f2"}, {"c1/f", "c1/b", "c2/f"}),
        ("c1/f", {"f", "b"}, {"c1/f", "c1/b"}),
        ("l", {"w", "v", "l"}, {"l/w", "l/b"}),
        ("c[12]/*", {"f", "b", "f2"}, {"c1/f", "c1/b", "c2/f"}),
        ("x", {"x", "b"}, {"c1/b"}),
    ],
)
def test_what_is_excluded_stays_real(pattern, gone, real):
    model = made(exclude=(pattern,)).model
    assert gone.isdisjoint(model.quantization)
    assert all(model.weights[label].dtype.kind == "f" for label in real)
    assert model.quantization


def test_what_was_folded_away_is_excluded_by_its_name():
    model = net(NORMALIZED)
    left = "f2 = variable<scalar>(shape = [4,4,1,1], label = 'f2');\n    y = conv(r, f2);"
    model = net(NORMALIZED.replace("y = relu(n);", f"r = relu(n);\n    {left}"))
    found = quantize(model, SAMPLES, Options(exclude=("c",)))
    weighted = [layer.name for layer in found.report.layers if layer.weight]
    assert weighted == ["y"]


@pytest.mark.parametrize("share", [0.5, 0.45, 0.435])
def test_budget_is_met_and_used(share):
    found = made(per_channel=True, budget=share)
    assert found.report.bytes_after <= share * found.report.bytes_before
    bits = {layer.weight.bits for layer in found.report.layers if layer.weight}
    assert bits <= set(range(4, 9))
    assert found.report.bytes_after > share * found.report.bytes_before - 40


def test_budget_takes_bits_where_they_matter_least():
    noise = {bits: 4.0 ** (4 - bits) for bits in range(4, 9)}
    choices = [
        Choice("sensitive", 1000, {bits: 100 * n for bits, n in noise.items()}),
        Choice("robust", 1000, noise),
    ]
    found = choose(choices, 0, 2 * file_bytes(1000, 6))
    assert found["robust"] < found["sensitive"]


# ---- the report


def test_report_tells_of_each_layer():
    report = made(per_channel=True).report
    assert [layer.name for layer in report.layers] == ["c", "c2", "s", "a", "g", "l"]
    first = report.layers[0]
    assert first.output.name == "r"
    assert first.inputs == ("x", "f", "b")
    assert first.weight.axis == 0
    assert len(first.weight.scale) == 8
    assert first.weight.bytes_before == 128 + 4 * 216
    assert first.weight.bytes_after == 128 + 216
    assert sum(first.output.histogram.counts) == len(SAMPLES) * 8 * 64
    assert report.worst(2)[0].snr <= report.worst(2)[1].snr
    assert json.loads(json.dumps(report.as_json()))["samples"] == len(SAMPLES)


@pytest.mark.parametrize("level", [3.5, -2.0, 0.0])
def test_an_activation_that_is_always_the_same_is_reported(level):
    model = net("f = variable<scalar>(shape = [8,3,3,3], label = 'f');\n"
                f"    c = conv(x, f);\n    y = clamp(c, {level}, {level});")  # fmt: skip
    (clamped,) = quantize(model, SAMPLES, Options()).report.layers
    assert clamped.output.low == clamped.output.high == level
    assert sum(clamped.output.histogram.counts) == len(SAMPLES) * 8 * 64


@pytest.mark.parametrize("factor", [1e-42, 1e-36, 1e32, 3e37])
def test_very_small_and_very_large_values_are_counted(factor):
    array = np.asarray([-1.0, -0.5, 0.25, 1.0, 2.0, 4.0, 5.0], np.float64) * factor
    seen = Observed()
    for part in np.split(array.astype(np.float32), [4]):
        seen.add(part)
    assert seen.parts.sum() == array.size
    assert np.flatnonzero(seen.parts).size >= array.size - 1


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"bits": 3}, "bits of weights are 3"),
        ({"activation_bits": 17}, "bits of activations are 17"),
        ({"method": "mean"}, "method is 'mean', expected one of max, percentile, entropy, mse"),
        ({"weight_method": "entropy"}, "weight_method is 'entropy', expected one of max, mse"),
        ({"symmetric": True}, "symmetric is 'True', expected one of weights, all, none"),
        ({"algorithm": "min_max"}, "algorithm is 'min_max', expected one of zero-point, min-max"),
        ({"percentile": float("nan")}, "percentile is nan"),
        ({"budget": float("nan")}, "budget is nan"),
        ({"budget": 0}, "budget is 0"),
        ({"checked": 0}, "checked is 0"),
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused(choice, message):
    with pytest.raises(NnefError, match=f"NX509.*{message}"):
        quantize(MODEL, SAMPLES, Options(**choice))


def test_samples_beyond_32_bits_are_refused():
    with pytest.raises(NnefError, match=r"NX014.*'x' holds NaN or infinity"):
        quantize(MODEL, {"x": SAMPLES[0]["x"].astype(np.float64) * 1e300}, Options())


def test_signal_to_noise_is_that_of_a_run_of_the_result():
    found = made()
    share = distance(found.model, MODEL)
    assert found.report.outputs["y"] == pytest.approx(-10 * np.log10(share), abs=0.01)


def test_signal_to_noise_of_a_network_with_state_is_that_of_runs_in_a_row():
    model = net("s = variable<scalar>(shape = [1,3,8,8], label = 's');\n"
                "    f = variable<scalar>(shape = [3,3,3,3], label = 'f');\n"
                "    m = add(x, s);\n    c = conv(m, f);\n    h = tanh(c);\n"
                "    u = update(s, h);\n    y = copy(m);")  # fmt: skip
    found = quantize(model, SAMPLES, Options())
    real, rounded = Executor(model), Executor(found.model)
    runs = [(real(sample)["y"], rounded(sample)["y"]) for sample in SAMPLES]
    signal, noise = (sum(np.square(part).sum() for part in parts) for parts in (
        [exact for exact, _ in runs], [exact - other for exact, other in runs]))  # fmt: skip
    assert found.report.outputs["y"] == pytest.approx(10 * np.log10(signal / noise), abs=0.05)


def test_samples_may_be_a_stream():
    stream = quantize(MODEL, iter(SAMPLES), Options())
    assert stream.report == made().report
    assert quantize(MODEL, SAMPLES[0], Options()).report.samples == 1


def test_integers_and_reals_round_as_the_operation_does():
    random = np.random.default_rng(0)
    found = quantize(MODEL, SAMPLES, Options(per_channel=True)).model.quantization["f"]
    array = random.standard_normal((8, 3, 3, 3)).astype("f4")
    np.testing.assert_allclose(reals(array, found), simulate(array, found), rtol=1e-6)
    again = dequantize(integers(array, found), found)
    np.testing.assert_allclose(again, reals(array, found), rtol=3e-7)
