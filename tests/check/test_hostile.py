"""Texts that ask for too much: each gets a code of its own, in little time and memory."""

import subprocess
import sys
import time

import pytest

from nnefx.checking import Options, check_source, load, names
from nnefx.source import Source

HEAD = (
    "version 1.0;\nextension KHR_enable_fragment_definitions;\n"
    "extension KHR_enable_operator_expressions;\n"
)


def graph(body: str, fragments: str = "") -> str:
    return (
        f"{HEAD}{fragments}graph net( x ) -> ( y )\n{{\n"
        f"    x = external(shape = [4]);\n    {body}\n}}\n"
    )


def fragment(body: str, params: str = "n: integer") -> str:
    return f"fragment f( x: tensor<scalar>, {params} ) -> ( y: tensor<scalar> )\n{{ {body} }}\n"


LOOP = "[for a in r yield [for b in r yield [for c in r yield a + b + c]]]"
ARRAY = "r: integer[]"
DOUBLING = "s2 = r + r; " + "".join(f"s{i + 1} = s{i} + s{i}; " for i in range(2, 60))

HOSTILE = {
    "unclosed parentheses": (graph(f"y = relu({'(' * 5000}x);"), "NX100"),
    "nested arrays": (graph(f"y = pad(x, padding = {'[' * 5000}{']' * 5000});"), "NX109"),
    "nested calls": (graph(f"y = {'relu(' * 5000}x{')' * 5000};"), "NX109"),
    "a chain of operators": (graph(f"y = x{' + x' * 5000};"), "NX109"),
    "a chain of signs": (graph(f"y = {'-' * 5000}x;"), "NX109"),
    "a repeated array": (graph("y = tile(x, repeats = [1] * 1000000000);"), "NX211"),
    "a repeated string": (graph("y = pad(x, padding = [], border = 'a' * 1000000000);"), "NX211"),
    "repeated arrays in a row": (
        graph("".join(f"y{i} = tile(x, repeats = [1] * 4000000); " for i in range(50)) + "y = x;"),
        "NX211",
    ),
    "a nested loop": (
        graph("y = f(x, r = [1] * 100000);", fragment(f"y = tile(x, repeats = {LOOP});", ARRAY)),
        "NX211",
    ),
    "an array that is doubled": (
        graph("y = f(x, r = [1]);", fragment(f"{DOUBLING} y = tile(x, repeats = s60);", ARRAY)),
        "NX211",
    ),
    "a power of a power": (graph("y = tile(x, repeats = [9 ^ 9999]);"), "NX209"),
    "endless recursion": (graph("y = f(x, n = 1);", fragment("y = f(x, n = n);")), "NX210"),
    "deep recursion": (graph("y = f(x, n = 1);", fragment("y = f(x, n = n + 1);")), "NX210"),
    "recursion that branches": (
        graph("y = f(x, n = 1);", fragment("y = f(x, n = 2 * n) + f(x, n = 2 * n + 1);")),
        "NX210",
    ),
    "recursion that branches and ends": (
        graph(
            "y = f(x, n = 1);",
            fragment("y = f(x, n = 2 * n) + f(x, n = 2 * n + 1) if n < 1000000000 else x;"),
        ),
        "NX211",
    ),
    "many results": (graph("[y] = copy_n(x, times = 2000000000);"), "NX211"),
    "many slices": (
        graph("z = tile(x, repeats = [500000000]); [y] = unstack(z, axis = 0);"),
        "NX211",
    ),
    "a number of a million digits": (graph(f"y = add(x, {'9' * 1000000});"), "NX111"),
    "a large extent": (graph("y = tile(x, repeats = [1000000000]);"), "NX305"),
    "a statement that is not closed": (graph("y = relu(x" + " ," * 20000), "NX100"),
    "a hundred thousand faults": (graph("y = ; " * 100000), "NX100"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_gets_its_code_in_time(name):
    text, code = HOSTILE[name]
    start = time.process_time()
    found = check_source(Source("graph.nnef", text), Options())
    assert time.process_time() - start < 2
    assert code in {item.code for item in found}, [str(item)[:200] for item in found[:5]]


def test_hostile_texts_take_little_memory(tmp_path):
    script = tmp_path / "all.py"
    script.write_text(
        "import sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from check.test_hostile import HOSTILE\n"
        "from nnefx.checking import Options, check_source\n"
        "from nnefx.source import Source\n"
        "for text, _ in HOSTILE.values():\n"
        "    check_source(Source('graph.nnef', text), Options())\n"
        # The peak of this program: ru_maxrss would begin with that of the one that forked it.
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(int(peak.split()[1]) // 1024)\n"
    )
    tests = str(__file__).rpartition("/check/")[0]
    done = subprocess.run(
        [sys.executable, script, tests], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 500


@pytest.mark.parametrize("name", names())
def test_targets_do_not_follow_what_grows_without_bound(name):
    twice = fragment("y = f(x, n = n - 1) + f(x, n = n - 1) if n > 0 else x;")
    text = graph("y = f(x, n = 100);", twice)
    start = time.process_time()
    check_source(Source("graph.nnef", text), Options(targets=(load(name),)))
    assert time.process_time() - start < 2
