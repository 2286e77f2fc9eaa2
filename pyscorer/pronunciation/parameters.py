"""How many trained parameters each part of the system has."""

from pathlib import Path

from pyscorer.chain.acoustic_model import load_model
from pyscorer.contract.files import read_json
from pyscorer.contract.scores import write_rows
from pyscorer.pronunciation.module import ModuleConfig, ScoringModule, count_parameters

_PARTS = {
    "input layer": ("input",),
    "phone embedding": ("phone_embedding",),
    "attention among phones": ("phone_attention",),
    "attention among words": ("word_attention",),
    "word layer": ("word",),
    "utterance layer": ("utterance",),
    "score layer": ("score",),
    "layer norms": ("input_norm", "phone_norm", "utterance_norm"),
}


def parameters(acoustic: Path, out: Path) -> None:
    """Count the trained parameters of the scoring module, part by part, and of the acoustic model.

    Lin & Wang 2021, Table 1. `acoustic` is final.pt of train_tdnnf, or the published.json of
    import_published; its module reads its deep features alone. Writes out/parameters.csv: part,
    parameters.
    """
    dimension, trained = _acoustic(acoustic)
    module = ScoringModule(ModuleConfig(dimension))
    rows: list[dict[str, str | int]] = [
        {"part": part, "parameters": sum(count_parameters(getattr(module, n)) for n in names)}
        for part, names in _PARTS.items()
    ]
    rows.append({"part": "scoring module", "parameters": count_parameters(module)})
    rows.append({"part": "acoustic model (TDNN-F)", "parameters": trained})
    write_rows(out / "parameters.csv", rows)


def _acoustic(path: Path) -> tuple[int, int]:
    """Dimension of the deep features, and parameters, of an acoustic model."""
    if path.suffix == ".json":
        said = read_json(path, ("dimension", "parameters"))
        return said["dimension"], said["parameters"]
    network = load_model(path).network
    return network.config.embedding_dim, network.num_parameters()
