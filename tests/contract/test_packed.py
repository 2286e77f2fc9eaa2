"""Packed weights: what comes back, how large it is, and that nothing in it is run."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from pyscorer.contract.packed import load_packed, save_packed
from pyscorer.contract.weights import load_weights, save_weights
from pyscorer.errors import InputError

CONTENT = {
    "config": {"strides": (1, 0, 3), "names": ["a", "b"], 3: None, "mean": float("nan")},
    "state": {"w": torch.arange(2000.0).reshape(40, 50) / 7, "b": torch.tensor([1.5])},
    "trees": torch.arange(256, dtype=torch.uint8).repeat(100),
    "float64": torch.tensor(1 / 3, dtype=torch.float64),
}


def test_what_is_packed_comes_back(tmp_path: Path) -> None:
    save_packed(tmp_path / "a.zip", CONTENT)
    found = load_packed(tmp_path / "a.zip")
    assert list(found) == list(CONTENT)
    assert found["config"]["strides"] == (1, 0, 3) and found["config"][3] is None
    assert found["config"]["names"] == ["a", "b"] and np.isnan(found["config"]["mean"])
    for key in ("trees", "float64"):
        assert torch.equal(found[key], CONTENT[key]) and found[key].dtype == CONTENT[key].dtype
    assert torch.equal(found["state"]["w"], CONTENT["state"]["w"])


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        save_packed(tmp_path / name, CONTENT)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_half_precision_rounds_large_matrices_and_nothing_else(tmp_path: Path) -> None:
    large = torch.full((40, 50), 1e6)
    save_packed(tmp_path / "a", CONTENT | {"other": CONTENT["state"]["w"]})
    save_packed(tmp_path / "b", CONTENT | {"large": large}, half=["state", "large"])
    found, w = load_packed(tmp_path / "b"), CONTENT["state"]["w"]
    assert found["state"]["w"].dtype == torch.float32
    assert torch.equal(found["state"]["w"], w.half().float())
    assert torch.equal(found["large"], large), "halves end at 65504"
    assert torch.equal(found["state"]["b"], torch.tensor([1.5]))
    save_packed(tmp_path / "c", CONTENT | {"other": w}, half=["state"])
    saved = (tmp_path / "a").stat().st_size - (tmp_path / "c").stat().st_size
    assert saved == 2 * w.numel(), "only what was named"


def test_trees_shrink(tmp_path: Path) -> None:
    save_packed(tmp_path / "a", {"trees": CONTENT["trees"]})
    assert (tmp_path / "a").stat().st_size < 2000 < len(CONTENT["trees"])


def test_a_pickle_in_it_is_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        archive.writestr("content.json", '{"dict": [["x", {"tensor": 0, "as": "float32"}]]}')
        with archive.open("0.npy", "w") as member:
            np.lib.format.write_array(member, np.array([Path()], object), allow_pickle=True)
    with pytest.raises(InputError, match="allow_pickle=False"):
        load_weights(tmp_path / "a", "a scorer", "bundle", dict)


def test_weights_are_read_in_either_form(tmp_path: Path) -> None:
    save_packed(tmp_path / "a", {"x": torch.tensor([1.0])})
    save_weights(tmp_path / "b", {"x": torch.tensor([1.0])})
    for name in "ab":
        assert load_weights(tmp_path / name, "a scorer", "s", lambda c: c["x"].item()) == 1


def test_a_packed_file_with_a_wrong_byte_is_refused(tmp_path: Path) -> None:
    save_packed(tmp_path / "a", CONTENT)
    content = bytearray((tmp_path / "a").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(InputError, match="not a scorer, or damaged"):
        load_weights(tmp_path / "a", "a scorer", "bundle", dict)
