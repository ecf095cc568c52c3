"""Plans as tables: what lowering decides, what a plan may not be, what is refused and how."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nnefx.diagnostics import NnefError
from nnefx.openvx import PROFILES, lower, runtime_dir, simulate, write_c
from nnefx.openvx.check import check_plan
from nnefx.openvx.plan import Enum, Int, Plan, Ref, Role, Tensor
from nnefx.openvx.profiles import table
from nnefx.openvx.shapes import stride
from nnefx.tensors.model import Model, load, loads
from openvx_nets import CASES, Net, hard_swish

STUB = Path(__file__).parent / "openvx_stub"


def functions(plan: Plan) -> list[str]:
    return [call.function.removeprefix("vx") for call in plan.calls]


def lowered(make, profile: str = "khr16", low: float = -2.0, high: float = 2.0, **options) -> Plan:
    net = Net()
    outputs = make(net)
    outputs = outputs if isinstance(outputs, tuple | list) else [outputs]
    model = net.model(*outputs)
    random = np.random.default_rng(0)
    sample = {v.name: random.uniform(low, high, v.shape) for v in model.graph.inputs}
    return lower(model, profile, calibration=sample, **options)


CONV, LUT, RELU = "ConvolutionLayer", "TensorTableLookupNode", "ActivationLayer"


@pytest.mark.parametrize(
    ("make", "calls"),
    [
        (lambda n: n.relu(n.conv(n.input(1, 3, 5, 5), n.weight(4, 3, 3, 3))), [CONV, RELU]),
        (lambda n: hard_swish(n, n.input(1, 3, 5, 5)), [LUT]),
        (lambda n: n.squeeze(n.relu(n.input(1, 3, 1, 1)), axes=[2, 3]),
         [RELU, "TensorConvertDepthNode"]),
        (lambda n: n.concat([n.relu(n.input(1, 3, 4, 4)), n.tanh(n.input(1, 3, 4, 4, name="y"))],
                            axis=1), [RELU, LUT]),
        (lambda n: n.add_n([n.input(1, 3), n.input(1, 3, name="y"), n.input(1, 3, name="z")]),
         ["TensorAddNode", "TensorAddNode"]),
        (lambda n: n.linear(n.reshape(n.input(1, 3, 4, 4), shape=[0, -1]), n.weight(5, 48)),
         ["FullyConnectedLayer"]),
    ],
    ids=["conv relu", "hard swish", "squeeze", "concat", "add_n", "flatten linear"],
)  # fmt: skip
def test_an_operation_becomes_these_calls(make, calls):
    found = functions(lowered(make))
    assert [name for name in found if name != LUT or LUT in calls] == calls


def test_producers_write_into_the_parts_of_a_concat():
    plan = lowered(lambda n: n.concat([n.relu(n.input(1, 3, 4, 4)),
                                       n.tanh(n.input(1, 2, 4, 4, name="y"))], axis=1))  # fmt: skip
    assert [(view.parent, view.start[2], view.end[2]) for view in plan.views] == [
        ("concat", 0, 3),
        ("concat", 3, 5),
    ]


def test_equal_tables_are_shared():
    plan = lowered(lambda n: [n.sigmoid(n.input(1, 3)), n.sigmoid(n.input(1, 3, name="y"))])
    scales = {plan.tensor(name).scale for name in plan.inputs}
    assert len(plan.luts) == len(scales)


def test_depthwise_blocks_trade_nodes_for_multiplications():
    make = lambda n: n.conv(n.input(1, 64, 28, 28), n.weight(64, 1, 3, 3), groups=0)  # noqa: E731
    plan = lowered(make)
    report = plan.report[0]
    assert 1 < report.nodes < 64
    assert report.macs == report.needed * 64 // report.nodes


@pytest.mark.parametrize(("weight", "policy"), [(0.1, "WRAP"), (3.0, "SATURATE")])
def test_a_sum_that_cannot_overflow_wraps_which_is_exact_everywhere(weight: float, policy: str):
    net = Net()
    weights = net.numbers(np.full((2, 2, 1, 1), weight))
    plan = lower(net.model(net.conv(net.input(1, 2, 4, 4), weights)))
    assert plan.calls[0].args[3]["overflow_policy"] == Enum(f"VX_CONVERT_POLICY_{policy}")
    assert (plan.report[0].bound <= 1) == (policy == "WRAP")


def test_stride_inference_of_implementations():
    assert [stride(9, 1, 0, 3, rule) for rule in ("floor", "ceiling", "nearest")] == [3, 4, 4]


def every_stride_is_meant(plan: Plan, meant: tuple[int, int]) -> bool:
    params = plan.calls[0].args[3]
    x, w, y = (plan.dims(plan.calls[0].args[i].name) for i in (0, 1, 4))
    mode = "floor" if params["down_scale_size_rounding"].name.endswith("FLOOR") else "ceiling"
    rules = (mode, "nearest")
    return all(
        stride(x[d], w[d], params[f"padding_{'xy'[d]}"].value, y[d], rule) == meant[d] or y[d] == 1
        for d in (0, 1)
        for rule in rules
    )


@pytest.mark.parametrize("size", range(1, 5))
@pytest.mark.parametrize("step", range(1, 5))
@pytest.mark.parametrize("padding", [(0, 0), (1, 1), (0, 1), (2, 0)])
def test_every_window_infers_its_stride_and_computes_the_same(size, step, padding):
    for extent in range(size, 14):
        make = lambda n, extent=extent: n.conv(n.input(1, 1, extent, extent), n.numbers(  # noqa: E731
            np.arange(size * size).reshape(1, 1, size, size) / 16), stride=[step, step],
            padding=[padding, padding])  # fmt: skip
        plan = lowered(make, low=0.0, high=1.0)
        assert every_stride_is_meant(plan, (step, step))


def test_profiles_are_a_table():
    rows = table()
    assert rows[0][1:] == tuple(PROFILES)
    assert all(len(row) == len(PROFILES) + 1 for row in rows)


def test_an_unknown_profile_is_refused():
    with pytest.raises(NnefError) as caught:
        lowered(lambda n: n.relu(n.input(1, 2)), profile="khr8")
    assert caught.value.code == "NX601"


def test_all_unsupported_operations_are_reported_at_once_with_their_places():
    text = """version 1.0;
graph g(x, i) -> (a, b, c) {
    x = external(shape = [1, 2, 3, 4]);
    i = external<integer>(shape = [2]);
    a = gather(x, i, axis = 1);
    b = relu(a);
    f = conv(x, x, border = 'constant', padding = [(0, 0), (0, 0)], groups = 1);
    c = gather(x, i, axis = 2);
}"""
    with pytest.raises(NnefError) as caught:
        lower(loads(text))
    found = caught.value.diagnostics
    assert [str(fault.at).split(":")[1] for fault in found] == ["5", "8"]
    assert all(fault.code.startswith("NX60") for fault in found)
    assert "'a'" in found[0].message


def test_without_calibration_scales_are_one_and_the_plan_says_so():
    net = Net()
    plan = lower(net.model(net.relu(net.input(1, 4))))
    assert {tensor.scale for tensor in plan.tensors} == {1.0}
    assert "calibration" in plan.notes[0]


def test_logits_leave_the_softmax_out():
    make = lambda n: n.softmax(n.linear(n.input(1, 8), n.weight(3, 8), n.weight(1, 3)))  # noqa: E731
    assert "SoftmaxLayer" in functions(lowered(make))
    assert functions(lowered(make, logits=True)) == ["FullyConnectedLayer"]


@pytest.mark.parametrize("clip", ["max", "percentile", "mse"])
def test_clip_policies_give_plans_that_run(clip):
    plan = lowered(lambda n: n.conv(n.input(1, 3, 8, 8), n.weight(4, 3, 3, 3)), clip=clip)
    outputs = simulate(plan, {"x": np.ones((1, 3, 8, 8), np.float32)})
    assert np.isfinite(outputs["conv"]).all()


def broken(plan: Plan, **changes) -> str:
    with pytest.raises(NnefError) as caught:
        check_plan(replace(plan, **changes))
    assert caught.value.code == "NX650"
    return str(caught.value)


def test_plans_that_no_target_could_build_are_refused():
    plan = lowered(lambda n: n.relu(n.conv(n.input(1, 3, 8, 8), n.weight(4, 3, 3, 3))))
    conv, relu = plan.calls
    first, rest = plan.tensors[0], plan.tensors[1:]
    assert "not all written" in broken(plan, calls=(relu, conv))
    assert "written before" in broken(plan, calls=(conv, conv, relu))
    assert "no call writes" in broken(plan, calls=(conv,))
    assert "unknown" in broken(plan, calls=(replace(conv, function="vxFoo"), relu))
    assert "arguments" in broken(plan, calls=(replace(conv, args=conv.args[1:]), relu))
    swapped = replace(conv, args=(Ref("nothing"), *conv.args[1:]))
    assert "'nothing'" in broken(plan, calls=(swapped, relu))
    wrong = replace(relu, args=(relu.args[0], Int(3), *relu.args[2:]))
    assert "function" in broken(plan, calls=(conv, wrong))
    assert "channels" in broken(plan, tensors=(replace(first, dims=(8, 8, 2, 1), shape=()), *rest))
    assert "twice" in broken(plan, tensors=(first, *plan.tensors))
    assert "identifier" in broken(plan, tensors=(*plan.tensors, Tensor("a b", (1,))))
    assert "payload" in broken(plan, tensors=(*plan.tensors, Tensor("k", (1,), role=Role.CONST)))
    assert "inputs" in broken(plan, inputs=())


def test_c_names_do_not_collide_with_the_language(tmp_path: Path):
    net = Net()
    x = net.input(1, 3, name="int")
    plan = lower(net.model(net.relu(net.sigmoid(x, name="vx_graph"), name="return")))
    files = write_c(plan, tmp_path / "out")
    assert {file.name for file in files} >= {"net.h", "net.c", "main.c", "Makefile"}
    compiled(tmp_path / "out", "net")


def test_c_names_do_not_collide_with_the_library(tmp_path: Path):
    net = Net()
    plan = replace(lower(net.model(net.relu(net.input(1, 3)))), name="free")
    write_c(plan, tmp_path / "out")
    compiled(tmp_path / "out", "net")


def compiled(folder: Path, name: str, *flags: str) -> None:
    strict = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", *flags]
    sources = [str(folder / "main.c"), str(folder / f"{name}.c"), str(STUB / "openvx.c")]
    command = [*strict, f"-I{STUB}", f"-I{folder}", *sources, "-lm", "-o", str(folder / "program")]
    subprocess.run(command, check=True)


def test_embedded_weights_and_sanitizers(tmp_path: Path):
    case = next(case for case in CASES if case.name == "classifier")
    model = case.model()
    sample = case.samples(model)[0]
    plan = lower(model, calibration=sample)
    write_c(plan, tmp_path / "out", name="tiny", embed=True, debug_tensors=True)
    assert not list((tmp_path / "out").glob("*.nxvx"))
    compiled(tmp_path / "out", "tiny", "-fsanitize=address,undefined", "-g")
    sample["x"].tofile(tmp_path / "x.raw")
    program = str(tmp_path / "out" / "program")
    (tmp_path / "dump").mkdir()
    command = [program, "-i", str(tmp_path / "x.raw"), "-o", "shares.raw", "-d", "dump"]
    subprocess.run(command, check=True, cwd=tmp_path)
    found = np.fromfile(tmp_path / "shares.raw", np.float32)
    seen: dict[str, np.ndarray] = {}
    results = simulate(plan, sample, "product", watch=lambda name, v: seen.update({name: v.copy()}))
    assert np.array_equal(found, results["shares"].reshape(-1))
    whole = [t for t in plan.tensors if t.role is Role.VIRTUAL and t.name in seen]
    assert len(whole) > 5
    for tensor in whole:
        dumped = np.fromfile(tmp_path / "dump" / f"{tensor.source or tensor.name}.raw", np.float32)
        assert np.array_equal(dumped, seen[tensor.name].astype(np.float32).reshape(-1))


def test_a_project_that_fails_leaves_nothing(tmp_path: Path):
    plan = lowered(lambda n: n.conv(n.input(1, 3, 8, 8), n.weight(4, 3, 3, 3)))

    def fail() -> np.ndarray:
        raise OSError("no space left on device")

    weights = next(tensor for tensor in plan.tensors if tensor.payload is not None)
    broken = replace(weights, payload=replace(weights.payload, make=fail))
    tensors = tuple(broken if tensor is weights else tensor for tensor in plan.tensors)
    with pytest.raises(NnefError, match="no space"):
        write_c(replace(plan, tensors=tensors), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_program_refuses_weights_of_another_net(tmp_path: Path):
    one = lowered(lambda n: n.conv(n.input(1, 3, 8, 8), n.weight(4, 3, 3, 3)))
    two = lowered(lambda n: n.conv(n.input(1, 3, 8, 8), n.weight(4, 3, 3, 3, scale=2.0)))
    write_c(one, tmp_path / "one", name="one")
    write_c(two, tmp_path / "two", name="two")
    compiled(tmp_path / "one", "one")
    command = [str(tmp_path / "one" / "program"), "-w", str(tmp_path / "two" / "two.nxvx")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert "weight file" in result.stderr


def test_a_folder_with_files_is_left_alone(tmp_path: Path):
    (tmp_path / "file").write_text("mine")
    plan = lowered(lambda n: n.relu(n.input(1, 3)))
    with pytest.raises(NnefError) as caught:
        write_c(plan, tmp_path)
    assert caught.value.code == "NX670"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_runtime_folder_holds_the_c_files():
    assert {path.name for path in runtime_dir().glob("*.c")} >= {"network.c", "test_main.c"}


def test_an_input_that_is_an_output_is_copied():
    net = Net()
    x = net.input(1, 3)
    plan = lower(net.model(x, net.relu(x)), calibration={"x": np.ones((1, 3))})
    outputs = simulate(plan, {"x": np.array([[1.0, -1.0, 0.5]])})
    assert outputs["x"].tolist() == [[1.0, -1.0, 0.5]]


def test_wrong_inputs_are_refused():
    plan = lowered(lambda n: n.relu(n.input(1, 3)))
    for inputs in ({}, {"y": np.zeros((1, 3))}, {"x": np.zeros((3, 1))}):
        with pytest.raises(NnefError) as caught:
            simulate(plan, inputs)
        assert caught.value.code == "NX651"


def test_a_model_with_rank_6_is_refused_in_words():
    with pytest.raises(NnefError) as caught:
        lower(Model(rank_6()))
    assert caught.value.code == "NX603"


def rank_6():
    net = Net()
    return net.model(net.relu(net.input(1, 2, 3, 4, 5, 6))).graph


def test_the_text_of_a_project_is_tidy_whatever_its_name(tmp_path):
    text = "version 1.0;\ngraph g(x) -> (y) { x = external(shape = [1, 2]); y = exp(x); }"
    model = loads(text)
    for name in ("n", "a_rather_long_name"):
        files = write_c(lower(model), tmp_path / name, name=name)
        texts = [file.read_text() for file in files if file.suffix in (".c", ".h")]
        assert all(text.endswith(("}\n", "#endif\n")) for text in texts)
        header = next(text for text in texts if "#endif" in text)
        lines = header.splitlines()
        start = next(i for i, line in enumerate(lines) if f"{name}_add(" in line)
        column = lines[start].index("(") + 1
        assert lines[start + 1].startswith(" " * column + "const vx_tensor *outputs")


def test_comments_name_the_file_without_its_folder(tmp_path):
    folder = tmp_path / "secret" / "net"
    folder.mkdir(parents=True)
    text = "version 1.0;\ngraph g(x) -> (y) { x = external(shape = [1, 2]); y = exp(x); }"
    (folder / "graph.nnef").write_text(text)
    files = write_c(lower(load(folder)), tmp_path / "out")
    source = next(file for file in files if file.name == "g.c").read_text()
    assert "(graph.nnef:2:" in source
    assert "secret" not in source


def test_depthwise_layers_are_one_node_by_the_structure_of_the_vendor(tmp_path):
    plan = lowered(
        lambda n: n.conv(n.input(1, 6, 9, 8), n.weight(12, 1, 3, 3), 0.5, groups=6, stride=[2, 3],
                         padding=[(1, 0), (0, 2)]),
        "verisilicon",
    )  # fmt: skip
    (call,) = plan.calls
    (report,) = plan.report
    assert (call.function, report.macs) == ("vxConvolutionLayer ext2", report.needed)
    files = write_c(plan, tmp_path / "out", name="net")
    source = next(file for file in files if file.name == "net.c").read_text()
    for line in ("ext.khr.padding_y = 1;", "ext.padding_x_right = 1;", "stride_x = 3;",
                 "depth_multiplier = 2;", "ext.pad_mode = VX_PAD_CONSTANT;"):  # fmt: skip
        assert f"params.{line}" in source
    assert "vxConvolutionLayer(" in source
    assert "&params.ext.khr, sizeof params" in source


@pytest.mark.parametrize(
    ("profile", "size", "native"),
    [
        ("verisilicon", [1, 5, 1, 1], "NormalizationLayer2"),
        ("verisilicon", [1, 1, 3, 3], None),
        ("float32", [1, 5, 1, 1], "LocalResponseNormalizationLayer"),
        ("float32", [1, 1, 3, 3], "LocalResponseNormalizationLayer"),
        ("khr16", [1, 5, 1, 1], None),
    ],
)
def test_normalization_is_a_node_where_one_works(profile, size, native):
    plan = lowered(
        lambda n: n.local_response_normalization(
            n.input(1, 6, 4, 4), size=size, alpha=0.5, beta=0.75, bias=1.5
        ),
        profile,
    )
    assert (functions(plan) == [native]) == (native is not None)
