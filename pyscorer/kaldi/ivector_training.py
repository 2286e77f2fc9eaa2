"""Stage `kaldi_ivector_extractor`: UBM and i-vector extractor, trained with Kaldi's programs.

After steps/online/nnet2/{get_pca_transform,train_diag_ubm,train_ivector_extractor}.sh.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pyscorer.contract.files import atomic_directory
from pyscorer.errors import InputError
from pyscorer.kaldi.gmm_alignment import scratch
from pyscorer.kaldi.scripts import Runner, Script, run_chains
from pyscorer.options import option
from pyscorer.parallel import cores

log = logging.getLogger(__name__)


_SPLICE = "--left-context=3\n--right-context=3\n"
_EXTRACTION = """--cmvn-config=online_cmvn.conf
--splice-config=splice.conf
--lda-matrix=final.mat
--global-cmvn-stats=global_cmvn.stats
--diag-ubm=final.dubm
--ivector-extractor=final.ie
--ivector-period=10
--num-gselect=5
--min-post=0.025
--posterior-scale=0.1
--max-remembered-frames=1000
--max-count=0
"""
"""ivector_extractor.conf: the options of kaldi_recipes/ivectors.sh."""


@dataclass(frozen=True)
class IvectorTrainingOptions:
    """Sizes of the extractor."""

    dim: int = option(100, "of the i-vectors", ge=1)
    gaussians: int = option(512, "of the UBM", ge=2)
    ubm_iterations: int = option(4, "passes over the data", ge=1)
    iterations: int = option(10, "passes of the extractor over the data", ge=1)
    jobs: int = option(0, "shards worked on at a time; 0: as many as cores", ge=0)


def kaldi_ivector_extractor(
    feats: list[Path], out: Path, options: IvectorTrainingOptions = IvectorTrainingOptions()
) -> None:
    """Train an extractor of online i-vectors on the MFCC-40 of shards (features.sh).

    Writes the folder `out` as Kaldi's own: `final.ie`, `final.dubm`, `final.mat` (PCA of seven
    spliced frames to 40), `global_cmvn.stats`, `online_cmvn.conf`, `splice.conf` and
    `ivector_extractor.conf`, whose paths are relative to the folder. Raises InputError naming the
    script that failed, as one does where there is too little speech for the Gaussians.
    """
    jobs = options.jobs or cores()
    with atomic_directory(out) as part, scratch(part) as work:
        try:
            train_extractor(feats, part, work, options, partial(run_chains, jobs=jobs), jobs)
        except InputError as error:
            raise InputError(
                f"{error}. An extractor of {options.gaussians} Gaussians wants "
                f"{10 * options.gaussians} seconds of recordings at least: lower their number "
                "(kaldi: ubm_gaussians) if there are fewer"
            ) from None
    log.info("%s: %d Gaussians, i-vectors of %d", out, options.gaussians, options.dim)


def train_extractor(
    feats: list[Path],
    out: Path,
    work: Path,
    options: IvectorTrainingOptions,
    run: Runner,
    threads: int,
) -> None:
    """Run the scripts of a training, with temporary files in `work`."""

    def each(stem: str, script: Callable[[Path, Path], Script]) -> list[Path]:
        made = [work / f"{stem}.{shard.stem}" for shard in feats]
        run([[script(shard, path)] for shard, path in zip(feats, made, strict=True)])
        return made

    for name, text in (
        ("online_cmvn.conf", ""),
        ("splice.conf", _SPLICE),
        ("ivector_extractor.conf", _EXTRACTION),
    ):
        (out / name).write_text(text)
    everything, cmvn = work / "feats.scp", work / "cmvn.scp"
    _joined(feats, everything)
    _joined([shard.with_suffix(".cmvn.scp") for shard in feats], cmvn)
    ubm = work / "0.dubm"
    run([[Script("ubm_init", [out, everything, cmvn, options.gaussians, threads, ubm])]])
    for turn in range(1, options.ubm_iterations + 1):
        stats = each("acc", lambda shard, path: Script("ubm_acc", [out, shard, ubm, path]))  # noqa: B023
        last = turn == options.ubm_iterations
        made = out / "final.dubm" if last else work / f"{turn}.dubm"
        run([[Script("ubm_est", [ubm, str(last).lower(), made, *stats])]])
        ubm = made
    posts = each("post", lambda shard, path: Script("ivector_post", [out, shard, path]))
    extractor = work / "0.ie"
    run([[Script("ivector_init", [out, options.dim, extractor])]])
    for turn in range(1, options.iterations + 1):
        known = dict(zip(feats, posts, strict=True))
        stats = each(
            "acc",
            lambda shard, path: Script("ivector_acc", [out, shard, known[shard], extractor, path]),  # noqa: B023
        )
        made = out / "final.ie" if turn == options.iterations else work / f"{turn}.ie"
        run([[Script("ivector_est", [extractor, threads, made, *stats])]])
        extractor = made


def _joined(files: list[Path], out: Path) -> None:
    lines = sorted(line for file in files for line in file.read_bytes().splitlines(keepends=True))
    out.write_bytes(b"".join(lines))
