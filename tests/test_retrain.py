"""The sample that prunes and retrains a network through NNEF."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from retrain.run import main

pytestmark = pytest.mark.xdist_group("torch")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pruned_network_learns_again(tmp_path):
    report = main(tmp_path / "digits", rounds=8)
    assert report.trained > 0.93
    assert report.zeros >= 0.49
    assert report.retrained > 0.93
    assert report.retrained >= report.pruned
    assert (tmp_path / "digits" / "graph.nnef").exists()
