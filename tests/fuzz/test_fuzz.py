"""A short fuzz run, and documents that are made from the grammar."""

import random
from pathlib import Path

import pytest

from check.models import model
from fuzz.mutate import archive, mutated_bytes, mutated_text, texts
from nnefx.checking import Options, Selection, check_path, check_source, load
from nnefx.source import Source

CRASHES = Path(__file__).parents[1] / "hostile" / "crashes"
EVERYTHING = Options(
    targets=(load("tract"), load("openvx-nnef")), selection=Selection(select=("ALL",))
)


@pytest.mark.parametrize("seed", range(8))
def test_mutated_texts_are_checked_without_an_exception(seed):
    chance, seeds = random.Random(seed), texts()
    for _ in range(150):
        check_source(Source("graph.nnef", mutated_text(chance, seeds)), EVERYTHING)


@pytest.mark.parametrize("seed", range(4))
def test_mutated_files_are_checked_without_an_exception(seed, tmp_path):
    chance = random.Random(seed)
    net = model(tmp_path / "net", quant='"w": logarithmic_quantize(max = 1.0, bits = 4);\n')
    files = {
        str(path.relative_to(net)): path.read_bytes() for path in net.rglob("*") if path.is_file()
    }
    path = tmp_path / "net.tgz"
    for _ in range(60):
        changed = dict(files)
        name = chance.choice(sorted(changed))
        changed[name] = mutated_bytes(chance, changed[name])
        data = archive(changed, chance.choice(["w", "w:gz"]))
        path.write_bytes(mutated_bytes(chance, data) if chance.random() < 0.5 else data)
        check_path(path, EVERYTHING)


@pytest.mark.parametrize("path", sorted(CRASHES.glob("*")), ids=lambda path: path.name)
def test_what_crashed_once_is_survived(path):
    if path.suffix in (".nnef", ".quant"):
        text = path.read_bytes().decode("utf-8", "replace")
        check_source(Source(path.name, text), EVERYTHING)
    else:
        check_path(path, EVERYTHING)
