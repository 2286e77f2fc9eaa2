"""Training the monophone GMM-HMM: the stage `train_gmm`."""

import csv
import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.alignment.features import GmmFeatures
from pyscorer.alignment.gmm_estimation import estimate, pdf_occupancy, split
from pyscorer.alignment.gmm_model import Gmm
from pyscorer.alignment.gmm_training import (
    BEAM,
    FIRST_BEAM,
    REALIGN,
    SHARD,
    Recording,
    Shard,
    prepare_shards,
    run_pass,
    write_shard,
)
from pyscorer.alignment.viterbi import pronunciations, report_unknown
from pyscorer.contract.datadir import Utterance
from pyscorer.contract.durable import part_of
from pyscorer.contract.files import atomic_open
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import Lexicon, read_lexicon
from pyscorer.options import option
from pyscorer.parallel import chunks
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GmmOptions:
    """Training of the monophone GMM-HMM; the defaults are those of Kaldi's train_mono.sh."""

    canonical: bool = option(
        False, "train on the canonical phones where the data have them, not the lexicon's"
    )
    iterations: int = option(40, "models made, the equal start included", ge=1)
    gaussians: int = option(1000, "Gaussians in the final model, about", ge=1)
    boost_silence: float = option(1.25, "factor on the likelihood of silence when aligning", ge=0)
    max_utterances: int = option(0, "train on this many, spread over the data; 0: all", ge=0)
    seed: int = option(0, "for the equal start and Gaussian splitting", ge=0)
    jobs: int = option(0, "processes; 0: as many as cores", ge=0)


def _spread(utterances: Mapping[str, Utterance], count: int) -> Mapping[str, Utterance]:
    if not 0 < count < len(utterances):
        return utterances
    chosen = {int(i) for i in np.linspace(0, len(utterances) - 1, count)}
    return {key: utterances[key] for i, key in enumerate(utterances) if i in chosen}


def _write_shards(
    utterances: Iterable[Utterance],
    read: GmmFeatures,
    lexicon: Lexicon,
    canonical: bool,
    scratch: Path,
) -> tuple[list[Shard], Counter[str]]:
    shards, unknown = [], Counter[str]()
    for number, part in enumerate(chunks(utterances, SHARD)):
        recordings = []
        for utterance in part:
            words, strange = pronunciations(utterance, lexicon, canonical)
            unknown.update(strange)
            recordings.append(Recording(utterance.key, tuple(words), read(utterance)))
        shards.append(write_shard(scratch, number, recordings))
    return shards, unknown


def train_gmm(
    data: Path, feats: Path, lexicon: Path, out: Path, options: GmmOptions = GmmOptions()
) -> None:
    """Train a monophone GMM-HMM as Kaldi's steps/train_mono.sh does.

    `feats` is a directory that the stage `features` made of `data` (kind mfcc13). Writes
    `out/final.npz` (the model; see `gmm_model.Gmm`) and `out/log.csv` (an iteration a row: acoustic
    log-likelihood a frame, Gaussians, frames, utterances that did not realign, seconds). Same seed,
    same model, whatever the number of processes. Scratch files stand in a hidden folder in `out`
    while it runs (about 170 bytes a frame).

    Raises InputError for missing features, unknown phones, and data of which nothing aligns.
    """
    utterances = _spread(read_utterances(data), options.max_utterances)
    (out / "final.npz").unlink(missing_ok=True)
    # Of its own name: the processes of a killed run may be writing still.
    with part_of(out / "scratch") as scratch:
        entries = read_lexicon(lexicon)
        shards, unknown = _write_shards(
            utterances.values(), GmmFeatures(feats), entries, options.canonical, scratch
        )
        report_unknown(unknown, lexicon)
        if not shards:
            raise InputError(f"{data}/text: no utterances")
        model, left_out = prepare_shards(shards, options.seed, options.jobs)
        if left_out:
            log.warning(
                "%d of %d utterances have fewer frames than their phones need and are not trained "
                "on: %s",
                len(left_out),
                len(utterances),
                " ".join(left_out),
            )
        if len(left_out) == len(utterances):
            raise InputError(f"{data}: every utterance has fewer frames than its phones need")
        model, rows = _iterate(shards, model, options)
        with atomic_open(out / "log.csv") as stream:
            writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        model.save(out / "final.npz")


def _iterate(
    shards: Sequence[Shard], model: Gmm, options: GmmOptions
) -> tuple[Gmm, list[dict[str, float]]]:
    """Iterations 0 (equal alignment) to `options.iterations` - 1."""
    rng = np.random.default_rng(options.seed)
    rows: list[dict[str, float]] = []
    start = len(model.weights)
    # Kaldi grows the model up to iteration 30 of 40.
    last_growth = max(1, options.iterations * 3 // 4)
    for iteration in progress_bar(range(options.iterations), desc="train_gmm"):
        began = time.monotonic()
        beam = 0.0 if iteration not in REALIGN else FIRST_BEAM if iteration == 1 else BEAM
        stats, failed = run_pass(shards, model, beam, options.boost_silence, options.jobs)
        steps = min(max(iteration - 1, 0), last_growth)
        target = start + steps * max(0, options.gaussians - start) // last_growth
        # Rare phones must get their Gaussian in the first estimate, or they never align well.
        updated = estimate(model, stats, min_occupancy=3.0 if iteration == 0 else 10.0)
        model = split(updated, pdf_occupancy(model, stats), target, rng)
        rows.append(
            {
                "iteration": iteration,
                "log_likelihood": round(stats.log_likelihood / stats.frames, 4),
                "gaussians": len(model.weights),
                "frames": stats.frames,
                "not_realigned": failed,
                "seconds": round(time.monotonic() - began, 2),
            }
        )
        log.info("train_gmm: %s", ", ".join(f"{k} {v}" for k, v in rows[-1].items()))
    return model, rows
