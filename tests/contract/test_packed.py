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


def test_sixteen_bits_are_steps_of_a_rows_largest_number(tmp_path: Path) -> None:
    w = torch.randn(40, 50) * torch.logspace(-6, 6, 40)[:, None]
    w[3] = 0
    save_packed(tmp_path / "a", {"state": [w]}, half=["state"])
    (found,) = load_packed(tmp_path / "a")["state"]
    assert found.dtype == torch.float32
    step = w.abs().amax(dim=1, keepdim=True) / 32767
    assert ((found - w).abs() <= 0.501 * step).all()
    assert torch.equal(found[3], w[3])


def test_only_large_finite_matrices_of_what_is_named_are_kept_in_sixteen_bits(
    tmp_path: Path,
) -> None:
    w, endless = CONTENT["state"]["w"], torch.full((40, 50), float("inf"))
    save_packed(tmp_path / "a", CONTENT | {"other": w})
    save_packed(tmp_path / "b", CONTENT | {"other": w}, half=["state"])
    save_packed(tmp_path / "c", {"state": {"w": endless}}, half=["state"])
    found = load_packed(tmp_path / "b")
    assert torch.equal(found["other"], w) and not torch.equal(found["state"]["w"], w)
    assert torch.equal(found["state"]["b"], torch.tensor([1.5]))
    assert torch.equal(load_packed(tmp_path / "c")["state"]["w"], endless)
    saved = (tmp_path / "a").stat().st_size - (tmp_path / "b").stat().st_size
    assert saved == pytest.approx(2 * w.numel(), abs=700), "but for the rows' largest"


def test_trees_shrink(tmp_path: Path) -> None:
    save_packed(tmp_path / "a", {"trees": CONTENT["trees"]})
    assert (tmp_path / "a").stat().st_size < 2000 < len(CONTENT["trees"])


def test_a_pickle_in_it_is_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        archive.writestr(
            "content.json", '{"dict": [["x", {"tensor": 0, "as": "float32", "parts": 1}]]}'
        )
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
