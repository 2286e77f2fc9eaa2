"""Search of a decoding graph with kaldi-decoder, and n-best transcripts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import kaldi_decoder
import kaldifst
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pyscorer.chain.fst import Transducer, read_transducer, read_vector_fst
from pyscorer.chain.tree import MOST_PDFS
from pyscorer.contract.ctm import Segment
from pyscorer.contract.files import read_table, read_text, shown
from pyscorer.contract.phones import PHONES
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import Lexicon, read_lexicon
from pyscorer.options import option
from pyscorer.recognition.lattice import (
    LatticePath,
    Transcript,
    best_transcripts,
    confidences,
    emissions,
    path_of,
    read_lattice,
    word_spans,
)


@dataclass(frozen=True)
class Hypothesis:
    """One transcript; scores are log-likelihoods, the better the higher."""

    words: tuple[str, ...]
    score: float
    """Graph score and scaled acoustic score."""
    acoustic: float
    """Acoustic score of its best path, without the scale."""
    spans: tuple[Segment, ...] = ()
    """Of the best one: its words in rows of scores, with confidences where a lattice was made."""


@dataclass(frozen=True)
class SearchOptions:
    """The search; a wider beam is slower and makes fewer search errors."""

    beam: float = option(13.0, "beam of the search for one transcript", gt=0)
    max_active: int = option(3000, "states kept at a frame, at most, in that search", ge=1)
    acoustic_scale: float = option(1.0, "factor on acoustic scores", gt=0)
    nbest: int = option(1, "transcripts of an utterance, at most; above 1 lattices are made", ge=1)
    lattice_search_beam: float = option(
        8.0,
        "beam of the search that makes lattices: slower, so narrower; `beam` if it finds no end",
        gt=0,
    )
    lattice_beam: float = option(6.0, "beam of what a lattice keeps", gt=0)


class Recogniser:
    """A decoding graph and how to search it."""

    def __init__(self, graph: Path, options: SearchOptions = SearchOptions()) -> None:
        """Read what the stage `decoding_graph` wrote.

        Raises InputError naming the file that is missing or damaged.
        """
        path = graph / "HCLG.fst"
        self._fst = read_graph(path)
        self._symbols = GraphSymbols(graph)
        self._pdf = self._symbols.pdf
        # The decoder does not check: such graphs would end the process, or never end.
        fst = read_transducer(path)
        strange = set(fst.arcs["olabel"].tolist()) - self._symbols.words.keys() - {0}
        if fst.arcs["ilabel"].max(initial=0) >= len(self._pdf) or strange or _endless(fst):
            raise InputError(
                f"{path}: damaged, or not the graph of the words.txt and pdfs.int beside it: run "
                "decoding_graph again"
            )
        self.num_pdfs = int(self._pdf.max()) + 1
        """Pdfs of the tree that the graph was made with."""
        self._options = options

    def decode(self, scores: np.ndarray) -> list[Hypothesis]:
        """The best transcripts of one utterance, the best first.

        `scores` are (frames, pdfs): the chain output. Empty if no path reaches the end of the
        graph within the beam.
        """
        if scores.ndim != 2 or scores.shape[1] != self.num_pdfs or not len(scores):
            raise InputError(
                f"scores of shape {scores.shape}; the graph takes frames x {self.num_pdfs}"
            )
        scale = self._options.acoustic_scale
        # Column i is label i + 1: there is no label 0.
        by_label = np.ascontiguousarray(scores[:, self._pdf[1:]] * scale, dtype=np.float32)
        decodable = kaldi_decoder.DecodableCtc(by_label)
        return self._best(decodable) if self._options.nbest == 1 else self._alternatives(decodable)

    def _best(self, decodable: kaldi_decoder.DecodableCtc) -> list[Hypothesis]:
        options = kaldi_decoder.FasterDecoderOptions(
            beam=self._options.beam, max_active=self._options.max_active
        )
        decoder = kaldi_decoder.FasterDecoder(self._fst, options)
        decoder.decode(decodable)
        found, lattice = decoder.get_best_path()
        if not found or not decoder.reached_final():
            return []
        path = path_of(lattice)
        scale = self._options.acoustic_scale
        return [self._symbols.hypothesis(path, scale, self._symbols.spans(path))]

    def _alternatives(self, decodable: kaldi_decoder.DecodableCtc) -> list[Hypothesis]:
        narrow, wide = self._options.lattice_search_beam, self._options.beam
        lattice = self._lattice(decodable, narrow) or self._lattice(decodable, max(narrow, wide))
        if lattice is None:
            return []
        (best,) = kaldifst.lattice_to_nbest(lattice, 1.0, 1.0, 1)
        path, whole, nbest = path_of(best), read_lattice(lattice), self._options.nbest
        sure = confidences(path.words, self._symbols.spans(path), emissions(whole))
        found = self._symbols.hypotheses(
            path, sure, best_transcripts(whole, nbest), self._options.acoustic_scale
        )
        return found[:nbest]

    def _lattice(
        self, decodable: kaldi_decoder.DecodableCtc, beam: float
    ) -> kaldifst.Lattice | None:
        options = kaldi_decoder.LatticeSimpleDecoderConfig(
            beam=beam, lattice_beam=self._options.lattice_beam
        )
        decoder = kaldi_decoder.LatticeSimpleDecoder(self._fst, options)
        if not decoder.decode(decodable) or math.isinf(decoder.final_relative_cost()):
            return None
        found, lattice = decoder.get_raw_lattice()
        return lattice if found else None


class GraphSymbols:
    """What the numbers of a decoding graph stand for."""

    def __init__(self, graph: Path) -> None:
        """Raises InputError naming the file that is missing or damaged."""
        self._graph = graph
        self.words = _numbers_of(graph / "words.txt")
        self.pdf = _pdfs(graph / "pdfs.int")

    def hypotheses(
        self, path: LatticePath, sure: Sequence[float], others: Sequence[Transcript], scale: float
    ) -> list[Hypothesis]:
        """The best transcript, its words with times and confidences, before the others.

        `scale` is the factor on acoustic scores.
        """
        spans = zip(self.spans(path), sure, strict=True)
        best = self.hypothesis(path, scale, [replace(s, confidence=c) for s, c in spans])
        return [best, *(self.hypothesis(t, scale) for t in others if t.words != path.words)]

    def hypothesis(
        self, found: Transcript, scale: float, spans: Sequence[Segment] = ()
    ) -> Hypothesis:
        """A transcript in words."""
        return Hypothesis(
            tuple(self.words[word] for word in found.words),
            -(found.graph + found.acoustic),
            -found.acoustic / scale,
            tuple(spans),
        )

    def spans(self, path: LatticePath) -> list[Segment]:
        """When the words of a path were said, in rows of scores."""
        phone_of, lexicon = self._pronounced
        words = [self.words[word] for word in path.words]
        spans = word_spans(words, path.labels, phone_of, lexicon)
        if spans is None:
            raise InputError(
                f"{self._graph}: its lexicon.txt or phones.int is of another graph: the phones of "
                f"{shown(' '.join(words))} are not theirs: run decoding_graph again"
            )
        return spans

    @cached_property
    def _pronounced(self) -> tuple[np.ndarray, Lexicon]:
        """The phone that each transition-id begins, and the words' pronunciations."""
        phones = _integers(self._graph / "phones.int")
        if len(phones) != len(self.pdf) or not 0 <= phones.min() <= phones.max() < len(PHONES):
            raise InputError(
                f"{self._graph / 'phones.int'}: not of the pdfs.int beside it: run decoding_graph "
                "again"
            )
        return phones, read_lexicon(self._graph / "lexicon.txt")


def _endless(fst: Transducer) -> bool:
    """Whether a path could become ever better without reading a frame: circles that cost < 0."""
    silent = fst.arcs["ilabel"] == 0
    source, to = fst.source[silent], fst.arcs["nextstate"][silent]
    size = len(fst.final)
    graph = coo_array((np.ones(len(source)), (source, to)), (size, size))
    _, circle = connected_components(graph, connection="strong")
    return bool((fst.arcs["weight"][silent][circle[source] == circle[to]] < 0).any())


def _numbers_of(path: Path) -> dict[int, str]:
    """Word by number of a words.txt."""
    try:
        return {int(number): word for word, number in read_table(path).items()}
    except ValueError as error:
        raise InputError(f"{path}: not `word number` a line ({error})") from None


def _pdfs(path: Path) -> np.ndarray:
    """Pdf of each transition-id, -1 of id 0."""
    pdfs = _integers(path)
    if len(pdfs) < 2 or pdfs[1:].min() < 0 or pdfs.max() >= MOST_PDFS:
        raise InputError(f"{path}: not numbers of pdfs: run decoding_graph again")
    return pdfs


def _integers(path: Path) -> np.ndarray:
    try:
        return np.array(read_text(path).split(), dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: not numbers ({error}): run decoding_graph again") from None


def read_graph(path: Path) -> kaldifst.StdVectorFst:
    """Read a decoding graph. Raises InputError if it is missing, damaged or empty."""
    if not path.is_file():
        raise InputError(f"{path}: no such graph; make it with `pyscorer decoding_graph`")
    return read_vector_fst(path)
