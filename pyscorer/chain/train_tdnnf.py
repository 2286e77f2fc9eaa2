"""Stage `train_tdnnf`: training of the TDNN-F, after Kaldi's chain recipe."""

import logging
from pathlib import Path

from pyscorer.chain.egs import hold_out, read_aligned
from pyscorer.chain.egs_files import Corpus, Listed, read_egs
from pyscorer.chain.ranks import joined, spread, under_launcher
from pyscorer.chain.schedule import TrainingOptions
from pyscorer.chain.training import Training
from pyscorer.chain.tree import read_tree
from pyscorer.errors import InputError

log = logging.getLogger(__name__)

Folders = tuple[Path, ...]


def train_tdnnf(
    graphs: Path,
    out: Path,
    options: TrainingOptions,
    data: tuple[Path, ...] = (),
    feats: tuple[Path, ...] = (),
    ali: tuple[Path, ...] = (),
    egs: tuple[Path, ...] = (),
) -> None:
    """Train a TDNN-F on aligned data, with LF-MMI or with frame cross-entropy alone.

    `data`, `feats` (kind mfcc40) and `ali` are parallel lists of directories; in their place may
    stand those that the stage egs made of them (`egs`), for corpora too large to list in memory.
    `graphs` comes from chain_graphs. Writes `out/final.pt` (the averaged model of the epoch with
    the best objective on held-out speakers), `out/log.csv` (a row an epoch) and, until it is done,
    `out/checkpoint.pt`. Killed and started again with the same arguments, it goes on from the
    checkpoint and ends with the same model.

    With `options.processes`, or under torchrun, several processes train together, and end with the
    same model but for rounding. All must see the same files; the first one writes.
    """
    if bool(egs) == any((data, feats, ali)):
        raise InputError("give data, feats and ali, or egs in their place")
    _check_share(options.processes, options.minibatch)
    given = (data, feats, ali, egs, graphs, out, options)
    if options.processes > 1 and not under_launcher():
        spread(_train, options.processes, *given)
    else:
        _train(*given)


def _train(
    data: Folders,
    feats: Folders,
    ali: Folders,
    egs: Folders,
    graphs: Path,
    out: Path,
    options: TrainingOptions,
    rendezvous: str = "env://",
) -> None:
    with joined(options.device, options.threads, rendezvous) as ranks:
        _check_share(ranks.size, options.minibatch)
        training: Corpus
        heldout: Corpus
        if egs:
            training, heldout = read_egs(egs, options.heldout, options.seed)
        else:
            utterances = read_aligned(data, feats, ali)
            training, heldout = map(Listed, hold_out(utterances, options.heldout, options.seed))
        log.info(
            "%d utterances to train on (%.2f h), %d of %d speakers held out (%.2f h)",
            *(len(training), training.frames / 360_000, len(heldout.speakers)),
            *(len(training.speakers | heldout.speakers), heldout.frames / 360_000),
        )
        tree = read_tree(graphs / "tree.json")
        run = Training(ranks, options, tree, graphs, out, training, heldout)
        run.resume()
        run.train()
        run.finish()


def _check_share(processes: int, minibatch: int) -> None:
    if processes > minibatch:
        raise InputError(
            f"{processes} processes cannot share the {minibatch} chunks of a step: raise "
            "minibatch, or start fewer"
        )
