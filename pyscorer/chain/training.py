"""A training of the TDNN-F: its state, its steps and its checkpoints."""

import csv
import hashlib
import logging
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, astuple, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyscorer.chain.acoustic_model import AcousticModel, save_model
from pyscorer.chain.augment import Augmentation
from pyscorer.chain.egs import Chunk, EgsSource, Examples, plan_windows, prepare
from pyscorer.chain.egs_files import Corpus, Listed
from pyscorer.chain.objectives import objective_of
from pyscorer.chain.orthonormal import constrain_orthonormal, orthonormal_weights
from pyscorer.chain.ranks import Ranks, Share
from pyscorer.chain.schedule import TrainingOptions, dropout_at, learning_rate_at
from pyscorer.chain.tdnnf import SIZES, Tdnnf, TdnnfConfig
from pyscorer.chain.tree import ContextTree, pdf_to_phone
from pyscorer.contract.files import atomic_open
from pyscorer.contract.weights import load_tensors, save_weights
from pyscorer.errors import InputError
from pyscorer.parallel import shared_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

ORTHONORMAL_EVERY = 4
"""Steps from one application of the semi-orthogonal constraint to the next, as in Kaldi."""


@dataclass
class _Sums:
    """Sums over frames of one pass."""

    objective: float = 0.0
    xent: float = 0.0
    frames: float = 0
    input_frames: float = 0
    seconds: float = 0.0

    def add(self, objective: float, xent: float, frames: float, input_frames: float) -> None:
        """Add what was reached on a minibatch."""
        self.objective += objective
        self.xent += xent
        self.frames += frames
        self.input_frames += input_frames


class Training:
    """State of a training: everything that a checkpoint holds, and how it moves on."""

    def __init__(
        self,
        ranks: Ranks,
        options: TrainingOptions,
        tree: ContextTree,
        graphs: Path,
        out: Path,
        training: Corpus,
        heldout: Corpus,
    ) -> None:
        self.ranks, self.options, self.out = ranks, options, out
        self.training, self.heldout = training, heldout
        lfmmi = options.objective == "lfmmi"
        graph = (graphs / ("normalization.fst" if lfmmi else "tree.json")).read_bytes()
        self.data = _digest(graph, training, heldout)
        self.pdf_to_phone = pdf_to_phone(tree)
        torch.manual_seed(options.seed)
        sizes: dict[str, Any] = dict(SIZES[options.network])
        config = TdnnfConfig(tree.num_pdfs, **sizes, chain_output=lfmmi)
        self.model = Tdnnf(config).to(ranks.device)
        self.averaged = Tdnnf(config).to(ranks.device).eval()
        self.averaged.load_state_dict(self.model.state_dict())
        listed = (u for c in (training, heldout) if isinstance(c, Listed) for u in c.utterances)
        self.source = EgsSource.read(graphs, listed, self.model.context, lfmmi)
        self.objective = objective_of(replace(options, device=ranks.device), graphs, tree.num_pdfs)
        self.trained = trained = [p for p in self.model.parameters() if p.requires_grad]
        matrices, vectors = ([p for p in trained if (p.ndim > 1) == wide] for wide in (True, False))
        self.optimiser = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": options.weight_decay},
                {"params": vectors, "weight_decay": 0.0},
            ],
            betas=(0.9, 0.98),
        )
        self.augment = Augmentation(options.warp, options.frequency_mask, options.time_mask)
        self.epoch, self.step_in_epoch, self.step = 0, 0, 0
        self.sums, self.learning_rate = _Sums(), options.learning_rate
        self.rows: list[dict[str, Any]] = []
        self.best: dict[str, Any] = {}
        log.info("network %s: %d parameters", options.network, self.model.num_parameters())

    # -- checkpoints ---------------------------------------------------------------------------

    def _identity(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to be gone on from."""
        identity = asdict(self.options)
        for free in ("checkpoint_minutes", "threads", "processes", "workers", "device"):
            del identity[free]
        return identity | {"data": self.data, "pdfs": len(self.pdf_to_phone)}

    def save_checkpoint(self) -> None:
        """Write down all that `resume` needs."""
        state = {
            "identity": self._identity(),
            "place": (self.epoch, self.step_in_epoch, self.step),
            "sums": asdict(self.sums),
            "rows": self.rows,
            "best": self.best,
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        save_weights(self.out / "checkpoint.pt", state)

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one.

        Raises InputError if it is damaged, or of a training with other options or data.
        """
        path = self.out / "checkpoint.pt"
        state = self.ranks.from_first(self._checkpoint(path) if self.ranks.first else None)
        if state is None:
            return
        self.epoch, self.step_in_epoch, self.step = state["place"]
        self.sums, self.rows, self.best = _Sums(**state["sums"]), state["rows"], state["best"]
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        log.info("going on from %s: epoch %d, step %d", path, self.epoch + 1, self.step)

    def _checkpoint(self, path: Path) -> dict[str, Any] | None:
        """The state of a training that went so far, if there is one; it must be of this one."""
        if not path.exists():
            return None
        try:
            state = load_tensors(path, "cpu")
        except Exception as error:
            raise InputError(
                f"{path}: damaged ({type(error).__name__}); delete it to start anew"
            ) from None
        mine = self._identity()
        theirs = {"objective": "lfmmi", "precision": "float32"} | state["identity"]
        differing = [k for k in mine if theirs.get(k) != mine[k]]
        if differing:
            raise InputError(
                f"{path}: of a training with other {', '.join(differing)}; delete it to start anew"
            )
        return dict(state)

    # -- training ------------------------------------------------------------------------------

    def train(self) -> None:
        """Go through the epochs that are left; writes checkpoints and log.csv."""
        options, ranks = self.options, self.ranks
        # Every epoch has about as many minibatches; the schedule needs a number before the end.
        total = sum(1 for _ in self._plan(0)) * options.epochs
        saved = time.monotonic()
        with progress_bar(
            total=total,
            initial=self.step,
            desc="train_tdnnf",
            unit="step",
            disable=not ranks.first,
        ) as progress:
            while self.epoch < options.epochs:
                # Ranks take equal steps; still, one machine's last digit must not become two.
                ranks.agree([*self.model.state_dict().values()])
                batches = islice(self._plan(self.epoch), self.step_in_epoch, None)
                shared = ((share := ranks.share(len(b)), share.of(b)) for b in batches)
                began = time.monotonic()
                for share, batch in self._prepared(shared):
                    self._train_step(batch, share, min(self.step / total, 1.0))
                    self.step += 1
                    self.step_in_epoch += 1
                    now = time.monotonic()
                    self.sums.seconds += now - began
                    began = now
                    progress.update()
                    progress.set_postfix(
                        epoch=self.epoch + 1,
                        objf=f"{self.sums.objective / max(self.sums.frames, 1):.4f}",
                        refresh=False,
                    )
                    if ranks.first and now - saved > 60 * options.checkpoint_minutes:
                        self.save_checkpoint()
                        saved = time.monotonic()
                self._end_epoch()
                if ranks.first:
                    self.save_checkpoint()
                saved = time.monotonic()

    def _plan(self, epoch: int) -> Iterator[list[Chunk]]:
        options, seed = self.options, self.options.seed
        windows = self.training.windows(np.random.default_rng([seed, 2, epoch]))
        rng = np.random.default_rng([seed, 1, epoch])
        return plan_windows(windows, options.chunk_width, options.minibatch, rng, options.tempo)

    def _prepared(
        self, batches: Iterable[tuple[Share, list[Chunk]]]
    ) -> Iterator[tuple[Share, Examples]]:
        return shared_map(_prepare, self.source, batches, max(1, self.options.workers))

    def _train_step(self, batch: Examples, share: Share, progress: float) -> None:
        options, ranks = self.options, self.ranks
        # One seed a step: to go on from a checkpoint, no generator's state is needed.
        torch.manual_seed(options.seed * 1_000_003 + self.step)
        self.model.train()
        self.model.set_dropout(dropout_at(options.dropout, progress))
        if ranks.size > 1:
            self.model.set_share(share)
        reached = self.objective(self.model, batch, partial(self.augment, share=share))
        self.optimiser.zero_grad()
        figures = [reached.objective, reached.xent, reached.frames, batch.input_frames]
        if ranks.size > 1:
            (reached.loss * share.weight).backward()
            figures = ranks.sum_gradients(self.trained, [f / share.copies for f in figures])
        else:
            reached.loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), options.max_gradient)
        self.learning_rate = learning_rate_at(options, self.step, progress)
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate
        self.optimiser.step()
        with torch.no_grad():
            if self.step % ORTHONORMAL_EVERY == 0:
                for weight in orthonormal_weights(self.model):
                    constrain_orthonormal(weight)
            # Early on, the average reaches back over a tenth of the steps taken at most.
            decay = min(options.average, 1.0 - 10.0 / (10.0 + self.step))
            mine, theirs = self.averaged.state_dict(), self.model.state_dict()
            torch._foreach_lerp_(list(mine.values()), list(theirs.values()), 1.0 - decay)
        self.sums.add(*figures)

    def _end_epoch(self) -> None:
        valid = self.evaluate()
        sums = self.sums
        self.epoch += 1
        self.step_in_epoch, self.sums = 0, _Sums()
        row = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
            "epoch": self.epoch,
            "step": self.step,
            "learning_rate": f"{self.learning_rate:.3g}",
            "train_objf": round(sums.objective / sums.frames, 5),
            "train_xent": round(sums.xent / sums.frames, 5),
            "valid_objf": round(valid.objective / valid.frames, 5),
            "valid_xent": round(valid.xent / valid.frames, 5),
            "frames_per_second": round(sums.input_frames / sums.seconds),
            "seconds": round(sums.seconds, 1),
        }
        self.rows.append(row)
        objective = valid.objective / valid.frames
        if not math.isfinite(objective):
            raise InputError(
                f"{self.out}: the held-out objective is {objective} after epoch {self.epoch}: "
                "training diverged; lower learning-rate and delete checkpoint.pt"
            )
        if not self.best or objective > self.best["objective"]:
            state = {k: v.detach().cpu().clone() for k, v in self.averaged.state_dict().items()}
            self.best = {"objective": objective, "epoch": self.epoch, "state": state}
        if self.ranks.first:
            with atomic_open(self.out / "log.csv") as stream:
                writer = csv.DictWriter(stream, list(row), lineterminator="\n")
                writer.writeheader()
                writer.writerows(self.rows)
        log.info(
            "epoch %d of %d: %s per frame: train %.4f, held out %.4f (best %.4f, epoch %d); "
            "cross-entropy %.3f, %.3f; %d frames/s",
            *(self.epoch, self.options.epochs, self.options.objective),
            *(row["train_objf"], row["valid_objf"]),
            *(self.best["objective"], self.best["epoch"], row["train_xent"], row["valid_xent"]),
            row["frames_per_second"],
        )

    @torch.no_grad()
    def evaluate(self) -> _Sums:
        """Objective of the averaged model on the held-out speakers, without regularisers."""
        sums, options, ranks = _Sums(), self.options, self.ranks
        windows = self.heldout.windows(None)
        plan = plan_windows(windows, options.chunk_width, options.minibatch, None)
        own = islice(plan, ranks.rank, None, ranks.size)
        for _, batch in self._prepared((Share(0, len(b), len(b)), b) for b in own):
            reached = self.objective(self.averaged, batch, None)
            sums.add(reached.objective, reached.xent, reached.frames, batch.input_frames)
        return _Sums(*ranks.sums(list(astuple(sums))))

    def finish(self) -> None:
        """Write final.pt and remove the checkpoint."""
        if not self.ranks.first:
            return
        self.averaged.load_state_dict(self.best["state"])
        facts = {
            "options": _recorded(self.options),
            "parameters": self.model.num_parameters(),
            "epoch": self.best["epoch"],
            "valid_objf": self.best["objective"],
            "heldout_speakers": sorted(self.heldout.speakers),
        }
        model = AcousticModel(self.averaged.cpu().eval(), self.pdf_to_phone, facts)
        save_model(self.out / "final.pt", model)
        (self.out / "checkpoint.pt").unlink(missing_ok=True)
        log.info(
            "best epoch %d: held-out objective %.4f", self.best["epoch"], self.best["objective"]
        )


def _prepare(source: EgsSource, task: tuple[Share, list[Chunk]]) -> tuple[Share, Examples]:
    share, chunks = task
    return share, prepare(source, chunks)


def _digest(graph: bytes, *corpora: Corpus) -> str:
    """What tells a graph and the utterances to learn from and to hold out from others."""
    told = hashlib.sha256(graph)
    for number, entry in enumerate(entry for corpus in corpora for entry in corpus.told()):
        told.update((b", " if number else b"[") + entry)
    told.update(b"]")
    return told.hexdigest()


def _recorded(options: TrainingOptions) -> dict[str, Any]:
    """What final.pt says of the options: not over how many processes the work was spread."""
    told = asdict(options)
    del told["processes"]
    if options.precision == "float32":
        del told["precision"]
    return told
