"""Stage `kaldi_align`: a shard aligned with a finished GMM system of Kaldi's programs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pyscorer.contract.files import atomic_directory
from pyscorer.kaldi.scripts import Script, run_chains

System = Literal["mono", "tri", "lda", "sat"]
BEFORE: dict[str, str] = {"tri": "mono", "lda": "tri", "sat": "lda"}
"""System -> the one whose alignment it starts from."""
BEAM = 10
_WIDEST = 640
"""Beam where an utterance was not aligned at the first: none may be missing."""


@dataclass(frozen=True)
class Shard:
    """MFCC of some speakers: a scp file, and the recordings of each speaker."""

    feats: Path
    spk2utt: Path

    @property
    def name(self) -> str:
        """What files of this shard are called."""
        return self.feats.stem


@dataclass(frozen=True)
class Trained:
    """A finished system: a folder."""

    folder: Path
    system: str

    @property
    def model(self) -> Path:
        """Of the last iteration."""
        return self.folder / "final.mdl"

    @property
    def view(self) -> dict[str, Path]:
        """The transform that its features go through, but for those of speakers."""
        return {"LDA": self.folder / "lda.mat"} if self.system in ("lda", "sat") else {}


def graphs_of(lang: Path, shard: Shard, model: Path, tree: Path, out: Path) -> Script:
    """The script that makes the training graphs of a shard."""
    return Script("graphs", [lang, lang, shard.feats, model, tree, out])


def alignment(lang: Path, trained: Trained, shard: Shard, out: Path, work: Path) -> list[Script]:
    """Scripts that align a shard with a system that needs no transforms of speakers."""
    graphs = work / f"graphs.{trained.system}.{shard.name}.gz"
    return [
        graphs_of(lang, shard, trained.folder / "start.mdl", trained.folder / "tree", graphs),
        _align(lang, trained, shard, graphs, out, trained.view),
    ]


def adapted_alignment(
    lang: Path,
    trained: Trained,
    first: Trained,
    shard: Shard,
    out: Path,
    fmllr: Path,
    work: Path,
) -> list[Script]:
    """Scripts that align a shard with system sat.

    The speakers get their transforms by the alignment of `first`, then by the one that these
    transforms give.
    """
    stem = work / shard.name
    graphs, once = Path(f"{stem}.graphs.gz"), Path(f"{stem}.once.gz")
    early, rough = Path(f"{stem}.early"), Path(f"{stem}.rough.gz")
    lda = trained.view
    given = [lang, shard.feats, shard.spk2utt]
    return [
        *alignment(lang, first, shard, rough, work),
        Script("fmllr", [*given, rough, first.model, early], lda),
        graphs_of(lang, shard, trained.folder / "start.mdl", trained.folder / "tree", graphs),
        _align(lang, trained, shard, graphs, once, lda | {"FMLLR": early}),
        Script("fmllr", [*given, once, trained.model, fmllr], lda | {"FMLLR": early}),
        _align(lang, trained, shard, graphs, out, lda | {"FMLLR": fmllr}),
    ]


def _align(
    lang: Path, trained: Trained, shard: Shard, graphs: Path, out: Path, view: dict[str, Path]
) -> Script:
    given = [lang, shard.feats, graphs, trained.model]
    return Script("align_gmm", [*given, BEAM, _WIDEST, out], view)


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A folder below `parent` that is gone afterwards."""
    with TemporaryDirectory(dir=parent, prefix=".work") as work:
        yield Path(work)


def kaldi_align(
    system: System,
    model: Path,
    lang: Path,
    feats: Path,
    speakers: Path,
    out: Path,
    before: Path | None = None,
) -> None:
    """Align a shard with a finished system, as the network and the scoring stages need it.

    `model` is the folder of the system, `before` that of the one before (sat: whose alignment gives
    the first transforms of the speakers); the others are as in `kaldi_gmm`, of one shard. Writes
    into the folder `out` `ali.gz`, `lengths` (phones with their lengths, as text), `tree_stats`
    (left biphones at every third frame) and for sat `fmllr`.

    Raises InputError naming the script that failed.
    """
    shard, trained = Shard(feats, speakers), Trained(model, system)
    with atomic_directory(out) as part, scratch(part) as work:
        ali, view = part / "ali.gz", trained.view
        if system == "sat" and before is not None:
            view = view | {"FMLLR": part / "fmllr"}
            first = Trained(before, BEFORE[system])
            chain = adapted_alignment(lang, trained, first, shard, ali, part / "fmllr", work)
        else:
            chain = alignment(lang, trained, shard, ali, work)
        stats = [lang, lang, feats, trained.model, ali, part / "tree_stats"]
        chain += [
            Script("phones", [trained.model, part / "lengths", ali]),
            Script("chain_tree_stats", stats, view),
        ]
        run_chains([chain], 1)
