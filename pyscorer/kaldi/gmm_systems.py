"""Stage `kaldi_gmm`: a whole GMM system, trained by Kaldi's programs.

The systems are monophones (`mono`), triphones on deltas (`tri`), on LDA+MLLT (`lda`) and on
transforms of speakers (`sat`); each starts from the alignment of the one before. Iterations and
numbers are those of Kaldi's steps/train_{mono,deltas,lda_mllt,sat}.sh.
"""

import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pyscorer.contract.files import atomic_directory
from pyscorer.kaldi.gmm_alignment import (
    BEAM,
    BEFORE,
    Shard,
    System,
    Trained,
    alignment,
    graphs_of,
    scratch,
)
from pyscorer.kaldi.scripts import Runner, Script, run_chains
from pyscorer.options import option
from pyscorer.parallel import cores
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

_PHONES_AT_START = 127
_TURNS = (2, 4, 6, 12)
"""Iterations that make MLLT (lda) or the transforms of speakers (sat) anew."""
_RETRY = 40
"""Beam where an utterance was not aligned at the first; in training one left out does no harm."""


@dataclass(frozen=True)
class GmmOptions:
    """Sizes of a GMM system."""

    iterations: int = option(35, "passes over the data", ge=2)
    gaussians: int = option(10000, "in all, reached after three quarters of the iterations", ge=1)
    leaves: int = option(1500, "of the tree; monophones have none", ge=1)
    jobs: int = option(0, "shards worked on at a time; 0: as many as cores", ge=0)


def kaldi_gmm(
    system: System,
    lang: Path,
    feats: list[Path],
    speakers: list[Path],
    out: Path,
    before: Path | None = None,
    options: GmmOptions = GmmOptions(),
) -> None:
    """Train a GMM system with Kaldi's programs, all iterations over all shards.

    `lang` is a folder of `kaldi_lang`; `feats` and `speakers` are the shards' scp files of MFCC-13
    (features.sh) and their spk2utt; `before` is the folder of the
    system whose alignment it starts from. Writes `out/final.mdl`, `tree`, `phones.txt`, `start.mdl`
    (whose transitions graphs are made with) and for lda and sat `lda.mat`.

    Raises InputError naming the script that failed.
    """
    shards = [Shard(*pair) for pair in zip(feats, speakers, strict=True)]
    run = partial(run_chains, jobs=options.jobs or cores())
    with atomic_directory(out) as part, scratch(part) as work:
        training = Gmm(system, lang, shards, work, options, run)
        training.train(Trained(before, BEFORE[system]) if before else None)
        training.model.rename(part / "final.mdl")
        (work / "tree").rename(part / "tree")
        training.first.rename(part / "start.mdl")
        shutil.copy(lang / "phones.txt", part)
        if training.lda:
            (part / "lda.mat").write_bytes(training.lda.read_bytes())
    log.info("%s: %s of %d shards", out, system, len(shards))


class Gmm:
    """The state of a training: the latest model, alignments and transforms."""

    def __init__(
        self,
        system: str,
        lang: Path,
        shards: list[Shard],
        work: Path,
        options: GmmOptions,
        run: Runner,
    ) -> None:
        self.system, self.options, self.work, self.run = system, options, work, run
        self.lang, self.shards = lang, shards
        self.first = work / ("0.mdl" if system == "mono" else "1.mdl")
        self.model = self.first
        self.lda: Path | None = None
        self.ali: dict[str, Path] = {}
        self.fmllr: dict[str, Path] = {}

    def train(self, before: Trained | None) -> None:
        """All iterations. `before` is the system before, of all but monophones."""
        start = 1 if before is None else 2
        if before is None:
            self._begin_mono()
        else:
            self._begin(before)
        last = self.options.iterations
        for iteration in progress_bar(range(start, last + 1), desc=f"kaldi_gmm {self.system}"):
            self._estimate(iteration)
            if iteration == last:
                break
            if iteration in _TURNS and self.system in ("lda", "sat"):
                (self._turn if self.system == "lda" else self._adapt)(iteration)
            if iteration in realigned(self.system, last):
                self._realign(iteration)

    def _each(self, script: Callable[[Shard], Script]) -> dict[str, Path]:
        """One script for every shard, whose last argument is what it writes."""
        made = {shard.name: script(shard) for shard in self.shards}
        self.run([[one] for one in made.values()])
        return {name: Path(str(one.arguments[-1])) for name, one in made.items()}

    def _view(self, shard: Shard) -> dict[str, Path]:
        seen = {"LDA": self.lda} if self.lda else {}
        return seen | ({"FMLLR": self.fmllr[shard.name]} if self.fmllr else {})

    def _over_shards(self, script: str, stem: str, model: Path | None = None) -> list[Path]:
        """Statistics of every shard by a script that reads an alignment and a model."""

        def over(shard: Shard) -> Script:
            given = [self.lang, shard.feats, self.ali[shard.name], model or self.model]
            return Script(script, [*given, self.work / f"{stem}.{shard.name}"], self._view(shard))

        return list(self._each(over).values())

    def _begin_mono(self) -> None:
        first = self.shards[0].feats
        self.run([[Script("mono_init", [self.lang, self.lang, first, self.work])]])
        self._graphs()

        def start(shard: Shard) -> Script:
            given = [self.lang, shard.feats, self._graph(shard)]
            return Script("align_equal", [*given, self.work / f"start.{shard.name}.gz"])

        self.ali = self._each(start)

    def _graphs(self) -> None:
        tree = self.work / "tree"
        self._each(lambda s: graphs_of(self.lang, s, self.first, tree, self._graph(s)))

    def _graph(self, shard: Shard) -> Path:
        return self.work / f"graphs.{shard.name}.gz"

    def _begin(self, before: Trained) -> None:
        aligned = {s.name: self.work / f"before.{s.name}.gz" for s in self.shards}
        self.run([alignment(self.lang, before, s, aligned[s.name], self.work) for s in self.shards])
        self.ali = aligned
        if self.system == "lda":
            stats = self._over_shards("acc_lda", "lda", before.model)
            self.lda = self.work / "0.mat"
            self.run([[Script("est_lda", [self.lda, *stats])]])
        if self.system == "sat":
            self.lda = before.view["LDA"]
            self._adapt("first", before.model)
        stats = self._over_shards("tree_stats", "tree_stats", before.model)
        arguments: list[Path | str | float] = [self.lang, self.options.leaves, self.work, *stats]
        self.run([[Script("tri_init", arguments)]])

        def converted(shard: Shard) -> Script:
            given = [before.model, self.first, self.work / "tree", self.ali[shard.name]]
            return Script("convert_ali", [*given, self.work / f"start.{shard.name}.gz"])

        self.ali = self._each(converted)
        self._graphs()

    def _estimate(self, iteration: int) -> None:
        stats = self._over_shards("acc_gmm", "acc")
        made = self.work / f"{iteration}.mdl"
        early = (self.system, iteration) == ("mono", 1)
        gaussians = gaussians_at(self.system, iteration, self.options)
        arguments = [self.model, gaussians, 3 if early else 10, made, *stats]
        self.run([[Script("est_gmm", arguments)]])
        self._replace(made)

    def _replace(self, model: Path) -> None:
        if self.model != self.first:
            self.model.unlink(missing_ok=True)
        self.model = model

    def _turn(self, iteration: int) -> None:
        assert self.lda is not None
        stats = self._over_shards("acc_mllt", "mllt")
        turned, matrix = self.work / f"{iteration}.turned.mdl", self.work / f"{iteration}.mat"
        self.run([[Script("est_mllt", [self.model, self.lda, turned, matrix, *stats])]])
        self._replace(turned)
        self.lda = matrix

    def _adapt(self, iteration: int | str, model: Path | None = None) -> None:
        def transforms(shard: Shard) -> Script:
            given = [self.lang, shard.feats, shard.spk2utt, self.ali[shard.name]]
            out = self.work / f"fmllr.{iteration}.{shard.name}"
            return Script("fmllr", [*given, model or self.model, out], self._view(shard))

        self.fmllr = self._each(transforms)

    def _realign(self, iteration: int) -> None:
        beam = 6 if (self.system, iteration) == ("mono", 1) else BEAM

        def aligned(shard: Shard) -> Script:
            given = [self.lang, shard.feats, self._graph(shard), self.model]
            out = self.work / f"{iteration}.{shard.name}.gz"
            return Script("align_gmm", [*given, beam, _RETRY, out], self._view(shard))

        self.ali = self._each(aligned)


def realigned(system: str, iterations: int) -> Sequence[int]:
    """Iterations after which the data are aligned anew."""
    if system != "mono":
        return (10, 20, 30)
    return *range(1, 11), *range(12, 21, 2), *range(23, iterations, 3)


def gaussians_at(system: str, iteration: int, options: GmmOptions) -> int:
    """Gaussians at an iteration: a straight line over the first three quarters."""
    start = _PHONES_AT_START if system == "mono" else options.leaves
    last = options.iterations * 3 // 4
    return start + max(options.gaussians - start, 0) * min(iteration - 1, last) // last
