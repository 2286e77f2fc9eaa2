"""An i-vector extractor as published models carry it: a directory of Kaldi's files.

Sources: Kaldi's online2/online-ivector-feature.h (OnlineIvectorExtractionConfig),
ivector/ivector-extractor.cc (Read, ComputeDerivedVars), gmm/diag-gmm.cc (Read, ComputeGconsts).
"""

import logging
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pyscorer.errors import InputError, naming
from pyscorer.kaldi.conf_file import read_conf
from pyscorer.kaldi.online_cmvn import OnlineCmvn
from pyscorer.kaldi.stream import KaldiReader

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Extraction:
    """How i-vectors are estimated; names and defaults of Kaldi's OnlineIvectorExtractionConfig."""

    ivector_period: int = 10
    num_gselect: int = 5
    min_post: float = 0.025
    posterior_scale: float = 0.1
    max_count: float = 0.0
    max_remembered_frames: float = 1000.0
    online_cmvn_iextractor: bool = False

    def __post_init__(self) -> None:
        fits = {
            "ivector-period": self.ivector_period > 0,
            "num-gselect": self.num_gselect > 0,
            "min-post": 0 <= self.min_post < 0.5,
            "posterior-scale": 0 < self.posterior_scale <= 1,
            "max-count": self.max_count >= 0,
            "max-remembered-frames": self.max_remembered_frames >= 0,
        }
        if wrong := [name for name, good in fits.items() if not good]:
            raise InputError(f"i-vectors: --{wrong[0]} has a value that Kaldi refuses")


@dataclass(frozen=True)
class DiagonalUbm:
    """Gaussians with diagonal covariances, as log-likelihoods need them; float32."""

    gconsts: np.ndarray
    means_invvars: np.ndarray
    inv_vars: np.ndarray

    def log_likelihoods(self, features: np.ndarray) -> np.ndarray:
        """Frames x Gaussians."""
        linear = features @ self.means_invvars.T
        likelihoods: np.ndarray = self.gconsts + linear - 0.5 * (features**2 @ self.inv_vars.T)
        return likelihoods


@dataclass(frozen=True)
class IvectorExtractor:
    """All that turns raw features into i-vectors: I Gaussians of D features, S numbers each."""

    directory: Path
    extraction: Extraction
    cmvn: OnlineCmvn
    left_context: int
    right_context: int
    global_stats: np.ndarray
    """CMVN statistics of the training data, 2 x (feature dimension + 1)."""
    lda: np.ndarray
    """D x (splice, with or without an offset as the last column); float32."""
    ubm: DiagonalUbm
    sigma_inv_m: np.ndarray
    """I x D x S: inverse covariance times mean projection of each Gaussian."""
    u: np.ndarray
    """I x S (S + 1) / 2: lower triangles of M' Sigma^-1 M."""
    prior_offset: float
    triangle: np.ndarray = field(repr=False)
    """S x S: where each element of a symmetric matrix stands in its lower triangle."""

    @property
    def dim(self) -> int:
        """S."""
        return self.sigma_inv_m.shape[2]

    @property
    def feature_dim(self) -> int:
        """Dimension of the raw features that it takes."""
        return self.global_stats.shape[1] - 1


_PATHS = {
    "lda-matrix": "final.mat",
    "global-cmvn-stats": "global_cmvn.stats",
    "cmvn-config": "online_cmvn.conf",
    "splice-config": "splice.conf",
    "diag-ubm": "final.dubm",
    "ivector-extractor": "final.ie",
}
"""Options of ivector_extractor.conf that name files, and the file as it is called here."""
_CONF = "ivector_extractor.conf"
_EXTRACTION: dict[str, type] = {
    "ivector-period": int,
    "num-gselect": int,
    "min-post": float,
    "posterior-scale": float,
    "max-count": float,
    "max-remembered-frames": float,
    "online-cmvn-iextractor": bool,
}
_STREAMING: dict[str, type] = {"use-most-recent-ivector": bool, "greedy-ivector-extractor": bool}
"""Which i-vector a frame of a stream gets, which does not change the i-vectors."""
_CMVN: dict[str, type] = {
    "cmn-window": int,
    "speaker-frames": int,
    "global-frames": int,
    "norm-means": bool,
    "norm-vars": bool,
    "skip-dims": str,
    "cmn-min-energy": float,
}


def read_ivector_extractor(directory: Path, **changes: Any) -> IvectorExtractor:
    """Read `final.ie`, `final.dubm`, `final.mat`, `global_cmvn.stats` and the `.conf` files.

    `directory` is the `ivector` of a Vosk model, or an extractor directory of Kaldi's
    (`splice_opts` in place of `splice.conf`). `ivector_extractor.conf` may lie there or in a `conf`
    beside; without it Kaldi's defaults hold. Files that it names are looked for in `directory` by
    their last name. `changes` are fields of `Extraction` and `cmn_min_energy`; None leaves one as
    it is.

    Raises InputError naming the file that is missing, damaged, cut short or of another dimension
    than its neighbours, and the line of a `.conf` that is not known.
    """
    files = dict(_PATHS)
    settings: dict[str, Any] = {}
    conf = _find(directory, _CONF)
    if conf is not None:
        kinds = _EXTRACTION | _STREAMING | dict.fromkeys(_PATHS, str)
        settings = read_conf(conf, kinds)
        files |= {name: Path(settings[name]).name for name in _PATHS if name in settings}
        if "online-cmvn-iextractor" not in settings:
            settings["online-cmvn-iextractor"] = (directory / "online_cmvn_iextractor").is_file()
    given = {name.replace("-", "_"): settings[name] for name in _EXTRACTION if name in settings}
    given |= {name: value for name, value in changes.items() if value is not None}
    min_energy = given.pop("cmn_min_energy", None)
    with naming(conf or directory):
        extraction = Extraction(**given)
    cmvn = read_online_cmvn(_path(directory, files["cmvn-config"]))
    if min_energy is not None:
        cmvn = replace(cmvn, cmn_min_energy=min_energy)
    left, right = _read_splice(directory, files["splice-config"])
    stats_path, lda_path, ubm_path, ie_path = (
        _path(directory, files[name])
        for name in ("global-cmvn-stats", "lda-matrix", "diag-ubm", "ivector-extractor")
    )
    stats, lda = read_cmvn_stats(stats_path), _read_matrix(lda_path)
    ubm = _read_ubm(ubm_path)
    spliced = (stats.shape[1] - 1) * (left + 1 + right)
    if lda.shape[1] not in (spliced, spliced + 1):
        raise InputError(
            f"{lda_path}: it takes {lda.shape[1]} numbers, where {left} + 1 + {right} frames of "
            f"{stats.shape[1] - 1} ({stats_path.name}) are {spliced}: they do not belong together"
        )
    if len(lda) != ubm.inv_vars.shape[1]:
        raise InputError(
            f"{ubm_path}: Gaussians of {ubm.inv_vars.shape[1]} dimensions, where {lda_path.name} "
            f"makes {len(lda)}: they do not belong together"
        )
    if any(not 0 <= dim < stats.shape[1] - 1 for dim in cmvn.skip_dims):
        raise InputError(f"{directory}: --skip-dims beyond {stats.shape[1] - 1} dimensions")
    projections, inverses, offset = _read_extractor(ie_path)
    if projections.shape[:2] != ubm.inv_vars.shape:
        raise InputError(
            f"{ie_path}: {projections.shape[0]} Gaussians of {projections.shape[1]} dimensions, "
            f"where {ubm_path.name} has {ubm.inv_vars.shape[0]} of {ubm.inv_vars.shape[1]}: they "
            "do not belong together"
        )
    sigma_inv_m = inverses @ projections
    rows, columns = np.tril_indices(projections.shape[2])
    u = (projections.transpose(0, 2, 1) @ sigma_inv_m)[:, rows, columns]
    triangle = np.empty((projections.shape[2],) * 2, dtype=np.int64)
    triangle[rows, columns] = triangle[columns, rows] = np.arange(len(rows))
    return IvectorExtractor(
        directory, extraction, cmvn, left, right, stats, lda.astype(np.float32),
        ubm, sigma_inv_m, u, offset, triangle,
    )  # fmt: skip


def extractor_files(directory: Path) -> dict[str, Path]:
    """What `read_ivector_extractor` reads of `directory`, or of a `conf` beside.

    By the name that each has here, whatever it is called there: `splice.conf` may be `splice_opts`.
    """
    conf = _find(directory, _CONF)
    named = read_conf(conf, _EXTRACTION | _STREAMING | dict.fromkeys(_PATHS, str)) if conf else {}
    wanted = {name: Path(named.get(option, name)).name for option, name in _PATHS.items()}
    wanted |= {name: name for name in (_CONF, "online_cmvn_iextractor")}
    found = {name: _find(directory, file) for name, file in wanted.items()}
    found["splice.conf"] = found["splice.conf"] or _find(directory, "splice_opts")
    return {name: file for name, file in found.items() if file is not None}


def _find(directory: Path, name: str) -> Path | None:
    folders = (directory, directory / "conf", directory.parent / "conf")
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _path(directory: Path, name: str) -> Path:
    found = _find(directory, name)
    if found is None:
        raise InputError(
            f"{directory / name}: no such file: an i-vector extractor needs it (copy the whole "
            "directory of the model)"
        )
    return found


def read_cmvn_stats(path: Path, dim: int | None = None) -> np.ndarray:
    """CMVN statistics, 2 x (dim + 1), float64.

    Raises InputError if it is something else, of no frame, or of another dimension.
    """
    stats = _read_matrix(path).astype(np.float64)
    if len(stats) != 2 or stats.shape[1] < 2 or not stats[0, -1] > 0:
        raise InputError(f"{path}: no CMVN statistics (2 rows, the count last) of any frame")
    if dim is not None and stats.shape[1] != dim + 1:
        raise InputError(f"{path}: statistics of {stats.shape[1] - 1} features, not of {dim}")
    return stats


def read_online_cmvn(path: Path) -> OnlineCmvn:
    """Options of online CMVN from an online_cmvn.conf. Raises InputError naming a bad line."""
    options = read_conf(path, _CMVN)
    with naming(path):
        text = options.pop("skip-dims", "")
        if text.replace(":", "").strip("0123456789"):
            raise InputError(f"--skip-dims must be numbers with colons between, found {text!r}")
        dims = tuple(int(part) for part in text.split(":") if part)
        return OnlineCmvn(skip_dims=dims, **{k.replace("-", "_"): v for k, v in options.items()})


def _read_splice(directory: Path, name: str) -> tuple[int, int]:
    path = _find(directory, name) or _path(directory, "splice_opts")
    options = read_conf(path, {"left-context": int, "right-context": int})
    left, right = options.get("left-context", 4), options.get("right-context", 4)
    if min(left, right) < 0:
        raise InputError(f"{path}: a context below 0")
    return left, right


def _read_matrix(path: Path) -> np.ndarray:
    matrix: np.ndarray = KaldiReader(path).value("matrix")
    return _finite(path, matrix)


def _finite(path: Path, values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all():
        raise InputError(f"{path}: NaN or infinity: the file is damaged; copy it again")
    return values


def _read_ubm(path: Path) -> DiagonalUbm:
    reader = KaldiReader(path)
    reader.where = "the Gaussians"
    if reader.peek() == "<FullGMM>":
        raise reader.fail("full covariances: this is a final.ubm; a final.dubm is diagonal")
    reader.expect("<DiagGMM>")
    if reader.peek() == "<GCONSTS>":
        reader.token()
        reader.value("vector")  # made again, as Kaldi does
    reader.expect("<WEIGHTS>")
    weights = reader.value("vector").astype(np.float64)
    reader.expect("<MEANS_INVVARS>")
    means_invvars = reader.value("matrix").astype(np.float64)
    reader.expect("<INV_VARS>")
    inv_vars = reader.value("matrix").astype(np.float64)
    reader.expect("</DiagGMM>")
    if means_invvars.shape != inv_vars.shape or len(weights) != len(inv_vars) or not weights.size:
        raise reader.fail("weights, means and variances of different numbers of Gaussians")
    if not (inv_vars > 0).all() or not (weights >= 0).all():
        raise reader.fail("a variance or weight that is not positive: the file is damaged")
    with np.errstate(divide="ignore"):  # a Gaussian of no weight is never chosen
        gconsts = np.log(weights) - 0.5 * math.log(2 * math.pi) * inv_vars.shape[1]
    gconsts += 0.5 * (np.log(inv_vars) - means_invvars**2 / inv_vars).sum(axis=1)
    _finite(path, means_invvars)
    parts = (gconsts, means_invvars, inv_vars)
    return DiagonalUbm(*(part.astype(np.float32) for part in parts))


def _read_extractor(path: Path) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean projections (I x D x S), inverse covariances (I x D x D), and the prior's offset."""
    reader = KaldiReader(path)
    reader.where = "the beginning"
    reader.expect("<IvectorExtractor>")
    reader.expect("<w>")
    if reader.value("matrix").size:
        raise reader.fail(
            "weights that depend on the i-vector, which Kaldi's online i-vectors do not have"
        )
    reader.expect("<w_vec>")
    reader.value("vector")
    reader.expect("<M>")
    count = reader.integer()
    if count < 1:
        raise reader.fail(f"{count} Gaussians")
    projections, inverses = [], []
    for i in range(count):
        reader.where = f"<M> of Gaussian {i}"
        projections.append(reader.value("matrix").astype(np.float64))
    reader.where = "after <M>"
    reader.expect("<SigmaInv>")
    for i in range(count):
        reader.where = f"<SigmaInv> of Gaussian {i}"
        inverses.append(reader.value("packed").astype(np.float64))
    reader.where = "the end"
    reader.expect("<IvectorOffset>")
    offset = float(reader.float())
    reader.expect("</IvectorExtractor>")
    dim = len(projections[0])
    for i, (projection, inverse) in enumerate(zip(projections, inverses, strict=True)):
        if projection.shape != projections[0].shape or len(inverse) != dim:
            raise reader.fail(f"Gaussian {i} has other dimensions than Gaussian 0")
    if not offset:
        raise reader.fail("a prior offset of 0")
    return _finite(path, np.stack(projections)), _finite(path, np.stack(inverses)), offset
