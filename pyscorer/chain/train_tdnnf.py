"""Stage `train_tdnnf`: training of the TDNN-F, after Kaldi's chain recipe."""

import csv
import hashlib
import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyscorer.chain.acoustic_model import AcousticModel, save_model
from pyscorer.chain.augment import Augmentation
from pyscorer.chain.egs import (
    Chunk,
    EgsSource,
    Examples,
    Utterance,
    hold_out,
    plan_epoch,
    prepare,
    read_utterances,
)
from pyscorer.chain.objectives import Reached, objective_of
from pyscorer.chain.orthonormal import constrain_orthonormal, orthonormal_weights
from pyscorer.chain.schedule import TrainingOptions, dropout_at, learning_rate_at
from pyscorer.chain.tdnnf import SIZES, Tdnnf, TdnnfConfig
from pyscorer.chain.tree import ContextTree, read_tree
from pyscorer.contract.files import atomic_open
from pyscorer.contract.phones import PHONE_ID
from pyscorer.contract.weights import load_tensors, save_weights
from pyscorer.errors import InputError
from pyscorer.parallel import cores, shared_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

ORTHONORMAL_EVERY = 4
"""Steps from one application of the semi-orthogonal constraint to the next, as in Kaldi."""


def train_tdnnf(
    data: list[Path],
    feats: list[Path],
    ali: list[Path],
    graphs: Path,
    out: Path,
    options: TrainingOptions,
) -> None:
    """Train a TDNN-F on aligned data, with LF-MMI or with frame cross-entropy alone.

    `data`, `feats` (kind mfcc40) and `ali` are parallel lists of directories, `graphs` comes from
    chain_graphs. Writes `out/final.pt` (the averaged model of the epoch with the best objective on
    held-out speakers), `out/log.csv` (a row an epoch) and, until it is done, `out/checkpoint.pt`.
    Killed and started again with the same arguments, it goes on from the checkpoint and ends with
    the same model.
    """
    torch.set_num_threads(options.threads or cores())
    training, heldout = hold_out(read_utterances(data, feats, ali), options.heldout, options.seed)
    log.info(
        "%d utterances to train on (%.2f h), %d of %d speakers held out (%.2f h)",
        *(len(training), _hours(training), len({u.speaker for u in heldout})),
        *(len({u.speaker for u in training + heldout}), _hours(heldout)),
    )
    tree = read_tree(graphs / "tree.json")
    run = _Run(options, tree, graphs, out, training, heldout)
    run.resume()
    run.train()
    run.finish()


def _hours(utterances: Sequence[Utterance]) -> float:
    return sum(u.frames for u in utterances) / 360_000


def pdf_to_phone(tree: ContextTree) -> np.ndarray:
    """Phone id (of phones.PHONES) of each pdf of `tree`. Raises InputError if phones share one."""
    owner = np.zeros(tree.num_pdfs, dtype=np.int32)
    for index, phone in enumerate(tree.phones):
        if index == 0:
            continue
        if phone not in PHONE_ID:
            raise InputError(f"the tree has phone {phone}, which is not in phones.PHONES")
        pdfs = np.unique(tree.pdf[:, index])
        if (owner[pdfs] > 0).any():
            raise InputError(f"the tree shares pdfs of phone {phone} with another phone")
        owner[pdfs] = PHONE_ID[phone]
    return owner


@dataclass
class _Sums:
    """Sums over frames of one pass."""

    objective: float = 0.0
    xent: float = 0.0
    frames: int = 0
    input_frames: int = 0
    seconds: float = 0.0

    def add(self, reached: Reached) -> None:
        """Add what was reached on a minibatch."""
        self.objective += reached.objective
        self.xent += reached.xent
        self.frames += reached.frames


class _Run:
    """State of a training: everything that a checkpoint holds, and how it moves on."""

    def __init__(
        self,
        options: TrainingOptions,
        tree: ContextTree,
        graphs: Path,
        out: Path,
        training: list[Utterance],
        heldout: list[Utterance],
    ) -> None:
        self.options, self.out = options, out
        self.training, self.heldout = training, heldout
        spoken = [(u.key, u.speaker, u.segments) for u in (*training, *heldout)]
        lfmmi = options.objective == "lfmmi"
        graph = (graphs / ("normalization.fst" if lfmmi else "tree.json")).read_bytes()
        self.data = hashlib.sha256(graph + repr(spoken).encode()).hexdigest()
        self.pdf_to_phone = pdf_to_phone(tree)
        torch.manual_seed(options.seed)
        sizes: dict[str, Any] = dict(SIZES[options.network])
        config = TdnnfConfig(tree.num_pdfs, **sizes, chain_output=lfmmi)
        self.model = Tdnnf(config).to(options.device)
        self.averaged = Tdnnf(config).to(options.device).eval()
        self.averaged.load_state_dict(self.model.state_dict())
        self.source = EgsSource.read(graphs, [*training, *heldout], self.model.context, lfmmi)
        self.objective = objective_of(options, graphs, tree.num_pdfs)
        trained = [p for p in self.model.parameters() if p.requires_grad]
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
        for free in ("checkpoint_minutes", "threads", "workers", "device"):
            del identity[free]
        return identity | {"data": self.data, "pdfs": len(self.pdf_to_phone)}

    def save_checkpoint(self) -> None:
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
        path = self.out / "checkpoint.pt"
        if not path.exists():
            return
        try:
            state = load_tensors(path, self.options.device)
        except Exception as error:
            raise InputError(
                f"{path}: damaged ({type(error).__name__}); delete it to start anew"
            ) from None
        mine = self._identity()
        theirs = {"objective": "lfmmi"} | state["identity"]
        differing = [k for k in mine if theirs.get(k) != mine[k]]
        if differing:
            raise InputError(
                f"{path}: of a training with other {', '.join(differing)}; delete it to start anew"
            )
        self.epoch, self.step_in_epoch, self.step = state["place"]
        self.sums, self.rows, self.best = _Sums(**state["sums"]), state["rows"], state["best"]
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        log.info("going on from %s: epoch %d, step %d", path, self.epoch + 1, self.step)

    # -- training ------------------------------------------------------------------------------

    def train(self) -> None:
        options = self.options
        plan = self._plan()
        # Every epoch has about as many minibatches; the schedule needs a number before the end.
        total = len(plan) * options.epochs
        saved = time.monotonic()
        with progress_bar(
            total=total, initial=self.step, desc="train_tdnnf", unit="step"
        ) as progress:
            while self.epoch < options.epochs:
                examples = self._examples(plan[self.step_in_epoch :])
                began = time.monotonic()
                for batch in examples:
                    self._train_step(batch, min(self.step / total, 1.0))
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
                    if now - saved > 60 * options.checkpoint_minutes:
                        self.save_checkpoint()
                        saved = time.monotonic()
                self._end_epoch()
                self.save_checkpoint()
                saved = time.monotonic()
                plan = self._plan()

    def _plan(self) -> list[list[Chunk]]:
        rng = np.random.default_rng([self.options.seed, 1, self.epoch])
        options = self.options
        return plan_epoch(self.training, options.chunk_width, options.minibatch, rng, options.tempo)

    def _examples(self, plan: Sequence[list[Chunk]]) -> Iterator[Examples]:
        return shared_map(prepare, self.source, plan, max(1, self.options.workers))

    def _train_step(self, batch: Examples, progress: float) -> None:
        options = self.options
        # One seed a step: to go on from a checkpoint, no generator's state is needed.
        torch.manual_seed(options.seed * 1_000_003 + self.step)
        self.model.train()
        self.model.set_dropout(dropout_at(options.dropout, progress))
        reached = self.objective(self.model, batch, self.augment)
        self.optimiser.zero_grad()
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
        self.sums.add(reached)
        self.sums.input_frames += batch.input_frames

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
        sums = _Sums()
        options = self.options
        plan = plan_epoch(self.heldout, options.chunk_width, options.minibatch, None)
        for batch in self._examples(plan):
            sums.add(self.objective(self.averaged, batch, None))
        return sums

    def finish(self) -> None:
        """Write final.pt and remove the checkpoint."""
        self.averaged.load_state_dict(self.best["state"])
        facts = {
            "options": asdict(self.options),
            "parameters": self.model.num_parameters(),
            "epoch": self.best["epoch"],
            "valid_objf": self.best["objective"],
            "heldout_speakers": sorted({u.speaker for u in self.heldout}),
        }
        model = AcousticModel(self.averaged.cpu().eval(), self.pdf_to_phone, facts)
        save_model(self.out / "final.pt", model)
        (self.out / "checkpoint.pt").unlink(missing_ok=True)
        log.info(
            "best epoch %d: held-out objective %.4f", self.best["epoch"], self.best["objective"]
        )
