"""Pretrained models, and maps of their tokens, that are not what they should be."""

import json
from pathlib import Path

import numpy as np
from bad_input import command, tried
from made_ctc import write_corpus

from pyscorer.contract.archives import write_archive
from pyscorer.contract.phones import ARPABET

MODELS = "O. pretrained models"


def encode(model: Path | str) -> str:
    write_corpus(Path())
    return command("encode", "--data", "data", "--model", model, "--out", "encoded", "--jobs", "1")


def by_ctc(tokens: list[str], *more: str) -> str:
    """What `ctc_gop` says of posteriors of these tokens, the first of which is the blank."""
    write_corpus(Path())
    rows = {key: np.full((50, len(tokens)), -np.log(len(tokens))) for key in ("u1", "u2")}
    write_archive(Path("ctc/post.scp"), rows.items())
    Path("ctc/frame_shift").write_text("0.02\n")
    Path("ctc/tokens.json").write_text(json.dumps({"tokens": tokens, "blank": 0}))
    places = ("--data", "data", "--ali", "ali", "--ctc", "ctc", "--out", "out")
    return command("ctc_gop", *places, *more)


@tried(MODELS, "a directory of no known kind as `encode.model`")
def no_model(folder: Path) -> str:
    Path("model").mkdir()
    Path("model/weights.h5").touch()
    return encode("model")


@tried(MODELS, "a name that is no packaged model")
def no_name(folder: Path) -> str:
    return encode("whisper-large")


@tried(MODELS, "a model that was not trained by CTC as `ctc_posteriors.model`")
def no_ctc(folder: Path) -> str:
    write_corpus(Path())
    Path("model").mkdir()
    Path("model/model.bin").touch()
    places = ("--data", "data", "--model", "model", "--out", "ctc", "--jobs", "1")
    return command("ctc_posteriors", *places)


@tried(MODELS, "tokens that are letters of words")
def letters(folder: Path) -> str:
    return by_ctc(["<pad>", "|", *"ETAOINSHRDLUMWCFGYPBVKXJQZ"])


@tried(MODELS, "a phone map with a phone outside the inventory")
def unknown_phone(folder: Path) -> str:
    Path("map.txt").write_text("aa AA\nae AX\n")
    return by_ctc(["<pad>", *map(str.lower, ARPABET)], "--phone-map", "map.txt")


@tried(MODELS, "a phone map with a token that the model does not have")
def unknown_token(folder: Path) -> str:
    Path("map.txt").write_text("ɑː AA\n")
    return by_ctc(["<pad>", *map(str.lower, ARPABET)], "--phone-map", "map.txt")


@tried(MODELS, "a vocabulary without a name for three phones, and with sounds of other languages")
def other_sounds(folder: Path) -> str:
    tokens = ["<pad>", *(phone.lower() for phone in ARPABET if phone not in ("ZH", "OY", "TH"))]
    said = by_ctc([*tokens, "ɬ", "ʘ"])
    assert "no token writes TH ZH" in said
    return " / ".join(line for line in said.splitlines() if "token" in line)
