"""Stage `train_tdnnf`: training of the TDNN-F, after Kaldi's chain recipe."""

import logging
from collections.abc import Sequence
from pathlib import Path

from pyscorer.chain.egs import Utterance, hold_out, read_utterances
from pyscorer.chain.ranks import joined, spread, under_launcher
from pyscorer.chain.schedule import TrainingOptions
from pyscorer.chain.training import Training
from pyscorer.chain.tree import read_tree
from pyscorer.errors import InputError

log = logging.getLogger(__name__)


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

    With `options.processes`, or under torchrun, several processes train together, and end with the
    same model but for rounding. All must see the same files; the first one writes.
    """
    if options.processes > 1 and not under_launcher():
        spread(_train, options.processes, data, feats, ali, graphs, out, options)
    else:
        _train(data, feats, ali, graphs, out, options)


def _train(
    data: list[Path],
    feats: list[Path],
    ali: list[Path],
    graphs: Path,
    out: Path,
    options: TrainingOptions,
    rendezvous: str = "env://",
) -> None:
    with joined(options.device, options.threads, rendezvous) as ranks:
        if ranks.size > options.minibatch:
            raise InputError(
                f"{ranks.size} processes cannot share the {options.minibatch} chunks of a step: "
                "raise minibatch, or start fewer"
            )
        utterances = read_utterances(data, feats, ali)
        training, heldout = hold_out(utterances, options.heldout, options.seed)
        log.info(
            "%d utterances to train on (%.2f h), %d of %d speakers held out (%.2f h)",
            *(len(training), _hours(training), len({u.speaker for u in heldout})),
            *(len({u.speaker for u in training + heldout}), _hours(heldout)),
        )
        tree = read_tree(graphs / "tree.json")
        run = Training(ranks, options, tree, graphs, out, training, heldout)
        run.resume()
        run.train()
        run.finish()


def _hours(utterances: Sequence[Utterance]) -> float:
    return sum(u.frames for u in utterances) / 360_000
