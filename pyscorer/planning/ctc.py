"""Section `ctc_posteriors`: what reads the goodness of pronunciation that follows from it."""

from pathlib import Path

from pyscorer.config import Run
from pyscorer.errors import InputError
from pyscorer.planning.commands import SPLITS, Config, stage_section

CTC = "ctc_posteriors"


def baseline_pools(config: Config, run: Run, name: str) -> dict[str, list[Path]]:
    """The pooled vectors that a baseline reads, by split: of ctc_gop where a measure is of CTC."""
    folder, file = ("ctc_gop", "phones.scp") if _by_ctc(config, name) else ("gop", "gop.csv")
    place = run.work / folder / run.corpus
    return {split: [place / split / file] for split in SPLITS}


def check_ctc(config: Config) -> None:
    """Raise InputError for what reads ctc_gop where nothing gives posteriors."""
    if CTC in config:
        return
    if "ctc_gop" in config:
        raise InputError(f"ctc_gop: needs a section {CTC} that names a model")
    for name in config["baselines"]:
        if _by_ctc(config, name):
            raise InputError(
                f"baselines.{name}.measures: measures of CTC need a section {CTC} that names a "
                "model (hama, or a directory)"
            )
    for stage in ("pretrained", "finetuned", "unfrozen"):
        for name, row in config.get("paper1", {}).get(stage, {}).items():
            if row.get("inputs") == "ctc_gop":
                raise InputError(f"paper1.{stage}.{name}.inputs: ctc_gop needs a section {CTC}")


def _by_ctc(config: Config, name: str) -> bool:
    options = stage_section(config, "train_baseline") | (config["baselines"][name] or {})
    return any(measure.startswith("ctc_") for measure in options.get("measures", ()))
