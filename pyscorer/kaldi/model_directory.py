"""A published Kaldi model as users have it: which of its files is which.

Vosk's layout (am, conf, graph, ivector; or all in one folder), Kaldi's exp/chain/... with its
extractor elsewhere, what prepare_online_decoding.sh makes, or single paths. Sources: Kaldi's
steps/nnet3/decode.sh, steps/online/nnet3/prepare_online_decoding.sh, steps/nnet2/get_ivector_id.sh;
Vosk's model layout.
"""

import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pyscorer.contract.files import read_text, shown
from pyscorer.errors import InputError
from pyscorer.kaldi.conf_file import read_conf
from pyscorer.kaldi.ivector_extractor import extractor_files

Normalisation = Literal["raw", "mean", "online"]
"""What the network's input is: MFCC as they are, less the mean of the utterance, or less the
running mean of online CMVN."""


@dataclass(frozen=True)
class ModelFiles:
    """The files of one model."""

    mdl: Path
    mfcc_conf: Path
    normalisation: Normalisation
    subsampling: int
    """Frames from one output to the next."""
    extractor: Path | None = None
    """Directory of its i-vector extractor."""
    global_cmvn: Path | None = None
    """Statistics that online CMVN begins with."""
    online_cmvn: Path | None = None
    """Options of online CMVN; absent: Kaldi's defaults."""
    phones: Path | None = None
    tree: Path | None = None


def find_model(
    model: Path,
    *,
    extractor: Path | None = None,
    mfcc_conf: Path | None = None,
    normalisation: Normalisation | None = None,
) -> ModelFiles:
    """Find the files of a model by its directory or its final.mdl.

    What is given is taken in place of what would be found. Nothing is assumed: raises InputError
    saying what to name where final.mdl or mfcc.conf is not found, where nothing says how the input
    is normalised, and where the extractor found is another one than the network was trained with.
    """
    mdl = model if model.is_file() else _first([model / "am", model], "final.mdl")
    if mdl is None:
        raise InputError(f"{model}: no final.mdl there nor in its am: name the model's directory")
    folder = mdl.parent
    vosk = folder.name == "am" or (folder / "ivector").is_dir()
    root = folder.parent if folder.name == "am" else folder
    above = list(folder.absolute().parents)[:4] if not vosk else []
    confs = [root / "conf", root, *(parent / "conf" for parent in above)]
    conf = mfcc_conf or _first(confs, "mfcc.conf", hires=True)
    if conf is None or not conf.is_file():
        raise InputError(
            f"{conf or root / 'conf' / 'mfcc.conf'}: no such file: name the mfcc.conf that the "
            "features of the model were made with"
        )
    ivector = extractor or _extractor(root, above)
    if ivector is not None:
        _check_id(folder / "final.ie.id", ivector)
    form, stats, options = _normalisation(root, folder, vosk)
    form = normalisation or form
    if form is None:
        raise InputError(
            f"{folder}: no cmvn_opts nor conf/online.conf there: say what the network takes: "
            "normalisation raw, mean (of the utterance) or online; or write a file cmvn_opts there "
            "(--norm-means=false is raw, --norm-means=true mean)"
        )
    if form == "online" and stats is None:
        raise InputError(
            f"{folder / 'global_cmvn.stats'}: no such file: online CMVN begins with it"
        )
    return ModelFiles(
        mdl, conf, form, _subsampling(root, folder, vosk), ivector,
        stats if form == "online" else None, options if form == "online" else None,
        _first([root / "graph", root, folder], "phones.txt"), _first([folder], "tree"),
    )  # fmt: skip


def gather_model(files: ModelFiles, out: Path) -> None:
    """Copy all that a model needs into the new directory `out`, where `find_model` finds it.

    In Vosk's layout; how the input is normalised stands in `cmvn_opts`.
    """
    for folder in ("am", "conf"):
        (out / folder).mkdir(parents=True)
    shutil.copy(files.mdl, out / "am" / "final.mdl")
    shutil.copy(files.mfcc_conf, out / "conf" / "mfcc.conf")
    (out / "am" / "frame_subsampling_factor").write_text(f"{files.subsampling}\n")
    if files.normalisation != "online":
        means = str(files.normalisation == "mean").lower()
        (out / "am" / "cmvn_opts").write_text(f"--norm-means={means} --norm-vars=false\n")
    for source, name in (
        (files.global_cmvn, "am/global_cmvn.stats"),
        (files.online_cmvn, "conf/online_cmvn.conf"),
        (files.phones, "am/phones.txt"),
        (files.tree, "am/tree"),
    ):
        if source is not None:
            shutil.copy(source, out / name)
    if files.extractor is not None:
        (out / "ivector").mkdir()
        for source in extractor_files(files.extractor).values():
            shutil.copy(source, out / "ivector")


def _first(folders: Iterable[Path], name: str, hires: bool = False) -> Path | None:
    """The first file of that name; with `hires` Kaldi's mfcc_hires.conf goes before."""
    names = [name.replace(".", "_hires."), name] if hires else [name]
    return next((f / n for f in folders for n in names if (f / n).is_file()), None)


def _extractor(root: Path, above: list[Path]) -> Path | None:
    folders = [root / name for name in ("ivector", "ivector_extractor", "extractor")]
    for parent in above:
        folders += [parent / "extractor", *sorted(parent.glob("nnet3*/extractor"))]
    found = list(dict.fromkeys(f.resolve() for f in folders if (f / "final.ie").is_file()))
    if len(found) > 1:
        raise InputError(
            f"{root}: there are several i-vector extractors ({', '.join(map(str, found))}): name "
            "the one that the network was trained with"
        )
    return next((f for f in folders if (f / "final.ie").is_file()), None)


def _check_id(path: Path, extractor: Path) -> None:
    """Compare the extractor's id with that which training left beside the network."""
    if not path.is_file():
        return
    wanted, own = read_text(path).strip(), extractor / "final.ie.id"
    if own.is_file():
        found = read_text(own).strip()
    else:
        file = extractor / "final.ie"
        found = hashlib.md5(file.read_bytes()).hexdigest() if file.is_file() else wanted
    if found != wanted:
        raise InputError(
            f"{extractor}: an extractor of id {shown(found)}, where the network was trained with "
            f"{shown(wanted)} ({path})"
        )


def _normalisation(
    root: Path, folder: Path, vosk: bool
) -> tuple[Normalisation | None, Path | None, Path | None]:
    """How the input is normalised, statistics and options of online CMVN, where they are found."""
    options = _first([root / "conf", root / "ivector", root], "online_cmvn.conf")
    stats = _first([folder, root], "global_cmvn.stats")
    opts = folder / "cmvn_opts"
    if vosk and (stats is not None or not opts.is_file()):  # its runtime asks for nothing else
        return "raw" if stats is None else "online", stats, options
    online = root / "conf" / "online.conf"
    if online.is_file():
        kinds = dict.fromkeys(_ONLINE, str)
        found = read_conf(online, kinds)
        if (
            found.get("feature-type", "mfcc") != "mfcc"
            or found.get("add-pitch", "false") != "false"
        ):
            raise InputError(f"{online}: other features than MFCC: the model cannot be used")
        return "online" if "global-cmvn-stats" in found else "raw", stats, options
    if not opts.is_file():
        return None, stats, options
    cmvn = read_conf(opts, {"norm-means": bool, "norm-vars": bool})
    if cmvn.get("norm-vars", False):
        raise InputError(f"{opts}: --norm-vars=true: variances are not normalised here")
    return "mean" if cmvn.get("norm-means", True) else "raw", stats, options


_ONLINE = (
    "feature-type", "mfcc-config", "plp-config", "fbank-config", "ivector-extraction-config",
    "add-pitch", "online-pitch-config", "cmvn-config", "global-cmvn-stats",
    "endpoint.silence-phones", "ivector-silence-weighting.silence-weight",
    "ivector-silence-weighting.silence-phones", "ivector-silence-weighting.max-state-duration",
)  # fmt: skip


def _subsampling(root: Path, folder: Path, vosk: bool) -> int:
    name = "frame-subsampling-factor"
    path, text = folder / "frame_subsampling_factor", "3" if vosk else "1"
    if path.is_file():
        text = read_text(path).strip()
    elif (conf := _first([root / "conf"], "model.conf")) is not None:
        path = conf
        for line in read_text(conf).split():
            key, _, value = line.removeprefix("--").replace("_", "-").partition("=")
            text = value if key == name else text
    if not text.isdecimal() or not int(text):
        raise InputError(f"{path}: a {name} of {shown(text)}")
    return int(text)
