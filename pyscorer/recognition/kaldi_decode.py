"""Stage `kaldi_decode`: transcripts by Kaldi's decoder, with a larger language model if wanted.

As steps/nnet3/decode.sh and steps/lmrescore_const_arpa.sh.
"""

import gzip
import heapq
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path

import kaldialign

from pyscorer.chain.acoustic_model import SUBSAMPLING
from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.decoded import Decoded, write_decoder
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import InputError, naming
from pyscorer.evaluation.heard_text import write_heard
from pyscorer.kaldi.gmm_alignment import scratch
from pyscorer.kaldi.nnet3 import read_nnet3
from pyscorer.kaldi.scripts import Script, run_chains
from pyscorer.options import option
from pyscorer.parallel import cores, shared_map
from pyscorer.recognition.const_arpa import number_arpa
from pyscorer.recognition.decode import as_decoded
from pyscorer.recognition.decoder import GraphSymbols
from pyscorer.recognition.lattice import (
    Transcript,
    best_path,
    best_transcripts,
    read_compact_lattice,
)


@dataclass(frozen=True)
class KaldiDecodeOptions:
    """The search, and the language model of the last word."""

    beam: float = option(15.0, "beam of the search", gt=0)
    max_active: int = option(7000, "states kept at a frame, at most", ge=1)
    lattice_beam: float = option(8.0, "beam of what a lattice keeps", gt=0)
    acoustic_scale: float = option(1.0, "factor on acoustic scores", gt=0)
    rescore_arpa: Path | None = option(
        None,
        "an ARPA file, larger than that of the graph, to rescore the lattices with",
        json_schema_extra={"minLength": 1},
    )
    nbest: int = option(10, "transcripts of an utterance, at most", ge=1)
    jobs: int = option(0, "shards worked on at a time; 0: as many as cores", ge=0)


def kaldi_decode(
    data: Path,
    model: Path,
    graph: Path,
    feats: list[Path],
    out: Path,
    options: KaldiDecodeOptions = KaldiDecodeOptions(),
    ivectors: list[Path] | None = None,
) -> None:
    """Recognise every utterance of `data` with nnet3-latgen-faster.

    `model` is the final.mdl of the kaldi engine, `graph` a directory of the stage `decoding_graph`
    made with its tree, `feats` are the shards' scp files of MFCC-40 (features.sh) and `ivectors`
    those of their i-vectors, where the network takes them. With `options.rescore_arpa` the
    language model of the graph is taken out of the lattices and that one put in
    (lattice-lmrescore-const-arpa): words that the graph has not are not heard. Writes what the
    stage `decode` writes. Streams.

    Raises InputError for a graph made with another tree, a language model that lacks words of the
    graph, and naming the script that failed.
    """
    utterances = read_utterances(data)
    symbols = GraphSymbols(graph)
    transitions = read_nnet3(model).transition_model
    if transitions is None or transitions.transition_table[:, 2].tolist() != symbols.pdf.tolist():
        raise InputError(
            f"{graph}: made with another tree than {model}: make the graph again with the model's"
        )
    jobs = options.jobs or cores()
    out.mkdir(parents=True, exist_ok=True)
    with scratch(out) as work:
        models = _language_models(graph, options.rescore_arpa, work)
        lattices = [work / f"{number}.gz" for number in range(len(feats))]
        search = [options.beam, options.max_active, options.lattice_beam, options.acoustic_scale]
        chains = []
        for shard, vectors, lattice in zip(
            feats, ivectors or itertools.repeat(None, len(feats)), lattices, strict=True
        ):
            seen = {"IVECTORS": vectors} if vectors else {}
            arguments: list[Path | str | float] = [
                model,
                graph / "HCLG.fst",
                shard,
                *search,
                lattice,
                *models,
            ]
            chains.append([Script("latgen", arguments, seen)])
        run_chains(chains, jobs)
        source = _Source(symbols, options)
        write_decoder(out, "kaldi", replace(options, rescore_arpa=None))
        tasks = _of_utterances(list(utterances), _merged(lattices))
        write_heard(out, data, utterances, shared_map(_decoded, source, tasks, jobs))


def _language_models(graph: Path, arpa: Path | None, work: Path) -> list[Path]:
    """That of the graph, and the one that takes its place, as lattices are rescored with them."""
    if arpa is None:
        return []
    chains, made = [], []
    for name, file in (("old", graph / "lm.arpa"), ("new", arpa)):
        numbers = work / f"{name}.arpa"
        unknown, start, end = number_arpa(file, graph, numbers)
        made.append(work / f"{name}.carpa")
        chains.append([Script("const_arpa", [numbers, start, end, unknown, made[-1]])])
    run_chains(chains, 1)
    return made


@dataclass(frozen=True)
class _Source:
    symbols: GraphSymbols
    options: KaldiDecodeOptions


def _decoded(source: _Source, task: tuple[str, list[str]]) -> tuple[Decoded, float]:
    key, lines = task
    try:
        lattice = read_compact_lattice(lines)
    except (ValueError, IndexError) as error:
        raise InputError(f"{key}: no lattice of nnet3-latgen-faster ({error})") from None
    if (path := best_path(lattice)) is None:
        return Decoded(key, ()), 0.0
    nbest, scale = source.options.nbest, source.options.acoustic_scale
    transcripts = best_transcripts(lattice, max(nbest, _WEIGHED))
    sure = shares(path.words, transcripts)
    with naming(key):
        found = source.symbols.hypotheses(path, sure, transcripts, scale)[:nbest]
    frames = SUBSAMPLING * len(path.labels)
    return as_decoded(key, found, frames), frames * FRAME_SHIFT


_WEIGHED = 100
"""Transcripts that confidences are estimated from."""


def shares(words: Sequence[int], transcripts: Sequence[Transcript]) -> list[float]:
    """For each word, the share of the transcripts' mass in which it stands at its place.

    Places by alignment with the fewest errors, as lattice-mbr-decode goes by (Xu et al. 2011): a
    lattice of Kaldi's decoder has each transcript once, and its words not always when they are
    said. The mass of a transcript is exp of minus its cost.
    """
    costs = [one.graph + one.acoustic for one in transcripts]
    masses = [math.exp(min(costs) - cost) for cost in costs]
    found = [0.0] * len(words)
    for one, mass in zip(transcripts, masses, strict=True):
        aligned = kaldialign.align(list(words), list(one.words), 0)
        for place, (own, other) in enumerate(pair for pair in aligned if pair[0]):
            found[place] += mass * (own == other)
    return [min(1.0, share / sum(masses)) for share in found]


Task = tuple[str, list[str]]
"""Utterance and the lines of its lattice."""


def _merged(lattices: list[Path]) -> Iterator[Task]:
    """The lattices of all shards, sorted by utterance."""
    return heapq.merge(*map(_lattices, lattices), key=itemgetter(0))


def _lattices(path: Path) -> Iterator[Task]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for filled, lines in itertools.groupby(map(str.strip, stream), bool):
            if filled:
                key, *lattice = lines
                yield key, lattice


def _of_utterances(keys: list[str], lattices: Iterator[Task]) -> Iterator[Task]:
    """One for each utterance; where Kaldi's decoder found no way there is none."""
    waiting = next(lattices, None)
    for key in keys:
        while waiting is not None and waiting[0] < key:
            waiting = next(lattices, None)
        if waiting is not None and waiting[0] == key:
            yield waiting
        else:
            yield key, []
