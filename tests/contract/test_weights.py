"""Files of weights: whole, refused by name, and nothing in them is run."""

import pickle
from pathlib import Path

import pytest
import torch

from pyscorer.contract.weights import load_weights, save_weights
from pyscorer.errors import InputError


class Trap:
    """Runs code where a pickle is trusted."""

    def __reduce__(self):
        return Path.touch, (Path("trapped"),)


def read(path: Path) -> list[float]:
    return load_weights(path, "a scorer", "train_scorer", lambda content: content["x"].tolist())


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    save_weights(tmp_path / "model.pt", {"x": torch.tensor([1.0, 2.0])})
    assert read(tmp_path / "model.pt") == [1, 2]
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


def test_missing_damaged_and_foreign_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with pytest.raises(InputError, match=r"model\.pt: no such scorer; train_scorer makes it"):
        read(path)
    save_weights(path, {"y": 1})
    with pytest.raises(InputError, match=r"model\.pt: not a scorer, .*KeyError.*run train_scorer"):
        read(path)
    path.write_bytes(path.read_bytes()[:99])
    with pytest.raises(InputError, match=r"model\.pt: not a scorer, or damaged"):
        read(path)


def test_a_pickle_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Trap(), protocol=2))
    torch.save({"x": Trap()}, tmp_path / "model.pt")
    for name in ("plain.pt", "model.pt"):
        with pytest.raises(InputError, match="not a scorer, or damaged"):
            read(tmp_path / name)
    assert not (tmp_path / "trapped").exists()
