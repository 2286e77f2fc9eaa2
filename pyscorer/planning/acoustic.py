"""The source of a run's acoustic model, and what it cannot give to what the run plans."""

from pathlib import Path

from pyscorer.config import Run
from pyscorer.errors import InputError
from pyscorer.planning.commands import Config, stage_section
from pyscorer.planning.hearing import Hearing
from pyscorer.planning.rows import Rows


def check_acoustic(config: Config, run: Run, rows: Rows | None) -> None:
    """Raise InputError for what the run's acoustic model cannot be, or cannot give.

    A network that is trained by cross-entropy has no chain output to decode with; a published
    model has no states to measure without its tree.
    """
    if stage_section(config, "train_tdnnf").get("objective") == "xent":
        _check_xent(config, run)
    if rows and "acoustic_model" in config:
        _check_tree(Path(config["acoustic_model"]).with_name("tree"), rows)


def _check_xent(config: Config, run: Run) -> None:
    where = "train_tdnnf.objective: xent"
    if "acoustic_model" in config:
        raise InputError(f"{where}: no network is trained where there is an acoustic_model")
    if config["engine"] == "kaldi":
        raise InputError(f"{where}: engine kaldi trains with lfmmi alone; engine torch with either")
    speech = Hearing(config, run).speech
    if speech is None:
        return
    own = {"own"} if stage_section(config, "decode_vosk").get("model") else {"own", "vosk"}
    for key, decoder in (
        ("decoder", speech.get("decoder", "own")),
        ("second", speech.get("second")),
    ):
        if decoder in own:
            raise InputError(
                f"{where}: it gives no chain output, which decoder {decoder} of "
                f"proficiency.speech.{key} needs: name another decoder, or train with lfmmi"
            )


def _check_tree(tree: Path, rows: Rows) -> None:
    if not tree.exists() and (lacking := rows.reading("transition_gop")):
        raise InputError(
            f"paper1: rows {', '.join(lacking)} read transition_gop, which needs the tree of "
            f"acoustic_model, but there is no {tree}: put it there, or name the other rows in "
            "paper1.only"
        )
