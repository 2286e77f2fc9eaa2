"""Published Kaldi models: what of their directory is missing, damaged, or another model's."""

from pathlib import Path

import numpy as np
from bad_input import command, tried
from made_published import write_extractor, write_published

from pyscorer.contract.phones import ARPABET, PHONES
from pyscorer.kaldi.import_published import load_acoustics

P = "P. published Kaldi models"
FEATURES = "--use-energy=false\n--num-ceps=2\n"


def published(*phones: str, **made: object) -> Path:
    """A model of these phones (all of ARPAbet) in the folder `model`."""
    return write_published(Path("model"), phones or PHONES[1:], **made)  # type: ignore[arg-type]


def taken(*more: str, model: str = "model") -> str:
    command("import_published", "--model", model, "--out", "out", *more)
    settings = load_acoustics(Path("out")).settings
    return f"deep features of {settings.node}, posteriors of {settings.output}"


@tried(P, "a model of 41 phones with i-vectors, in Vosk's layout")
def good(folder: Path) -> str:
    published()
    return taken()


@tried(P, "a directory without final.mdl")
def no_mdl(folder: Path) -> str:
    published()
    Path("model/am/final.mdl").unlink()
    return taken()


@tried(P, "a directory without mfcc.conf")
def no_conf(folder: Path) -> str:
    published()
    Path("model/conf/mfcc.conf").unlink()
    return taken()


@tried(P, "a network with i-vectors, without its extractor")
def no_extractor(folder: Path) -> str:
    published()
    Path("model/ivector").rename("elsewhere")
    return taken()


@tried(P, "an extractor without one of its files")
def no_ubm(folder: Path) -> str:
    published()
    Path("model/ivector/final.dubm").unlink()
    return taken()


@tried(P, "the extractor of a network with other features")
def other_extractor(folder: Path) -> str:
    published()
    Path("model/ivector").rename("elsewhere")
    write_extractor(Path("model/ivector"), np.ones((2, 7)))
    return taken()


@tried(P, "a final.ie that was cut short")
def short_extractor(folder: Path) -> str:
    published()
    path = Path("model/ivector/final.ie")
    path.write_bytes(path.read_bytes()[:150])
    return taken()


@tried(P, "CMVN statistics of another number of features")
def other_statistics(folder: Path) -> str:
    published()
    Path("model/am/global_cmvn.stats").write_text("[ 1 2 3 10\n 1 2 3 0 ]\n")
    return taken()


@tried(P, "an mfcc.conf with a line that Kaldi does not have")
def unknown_line(folder: Path) -> str:
    published()
    Path("model/conf/mfcc.conf").write_text(f"{FEATURES}--num-cepstra=13\n")
    return taken()


@tried(P, "an mfcc.conf of another number of coefficients")
def other_features(folder: Path) -> str:
    published()
    Path("model/conf/mfcc.conf").write_text("--use-energy=false\n--num-ceps=13\n")
    return taken()


@tried(P, "a recipe's directory that does not say how the input is normalised")
def no_normalisation(folder: Path) -> str:
    published()
    Path("model/am/final.mdl").rename("final.mdl")
    Path("model/conf/mfcc.conf").rename("mfcc.conf")
    return taken(model="final.mdl")


@tried(P, "the phones.txt of another model, with fewer phones")
def other_phones(folder: Path) -> str:
    published()
    path = Path("model/graph/phones.txt")
    path.write_text("".join(f"{line}\n" for line in path.read_text().splitlines()[:30]))
    return taken()


@tried(P, "a model without phones.txt")
def no_phones(folder: Path) -> str:
    published()
    Path("model/graph/phones.txt").unlink()
    return taken()


@tried(P, "foreign phones, without a phone map")
def no_map(folder: Path) -> str:
    published("sp", "a", "o", "k")
    return taken()


@tried(P, "a phone map that leaves TH and DH without a phone")
def incomplete_map(folder: Path) -> str:
    published(*(phone.lower() for phone in PHONES[1:]))
    lines = (f"'{p.lower()}': {p}\n" for p in ("SIL", *ARPABET) if p not in ("TH", "DH"))
    Path("map.yaml").write_text("".join(lines))
    return taken("--phone-map", "map.yaml")


@tried(P, "a phone map with a phone that there is not")
def wrong_map(folder: Path) -> str:
    published()
    Path("map.yaml").write_text("AA: AX\n")
    return taken("--phone-map", "map.yaml")


@tried(P, "a phone map for a phone that the model does not have")
def map_of_another(folder: Path) -> str:
    published()
    Path("map.yaml").write_text("SIL: SIL\nahh: AA\n")
    return taken("--phone-map", "map.yaml")


@tried(P, "a node for deep features that the network does not have")
def unknown_node(folder: Path) -> str:
    published()
    return taken("--node", "prefinal")


@tried(P, "an encoder's layer by the name of no node")
def unknown_layer(folder: Path) -> str:
    published()
    Path("data").mkdir()
    for name, line in (("wav.scp", "u u.wav"), ("utt2spk", "u s"), ("text", "u ONE")):
        Path("data", name).write_text(f"{line}\n")
    return command("encode", "--data", "data", "--model", "model", "--out", "out", "--layers", "x")
