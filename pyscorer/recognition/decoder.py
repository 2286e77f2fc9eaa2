"""Search of a decoding graph with kaldi-decoder, and n-best transcripts."""

import math
from dataclasses import dataclass
from pathlib import Path

import kaldi_decoder
import kaldifst
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pyscorer.chain.fst import Transducer, read_transducer, read_vector_fst
from pyscorer.chain.tree import MOST_PDFS
from pyscorer.contract.files import read_table, read_text
from pyscorer.errors import InputError
from pyscorer.options import option

_Path = tuple[tuple[int, ...], float, float]
"""Words, graph cost, acoustic cost."""
_MOST_PATHS = 200
"""Paths of a lattice looked at for one transcript wanted, at most about."""


@dataclass(frozen=True)
class Hypothesis:
    """One transcript; scores are log-likelihoods, the better the higher."""

    words: tuple[str, ...]
    score: float
    """Graph score and scaled acoustic score."""
    acoustic: float
    """Acoustic score of its best path, without the scale."""


@dataclass(frozen=True)
class SearchOptions:
    """The search; a wider beam is slower and makes fewer search errors."""

    beam: float = option(13.0, "beam of the search for one transcript", gt=0)
    max_active: int = option(3000, "states kept at a frame, at most, in that search", ge=1)
    acoustic_scale: float = option(1.0, "factor on acoustic scores", gt=0)
    nbest: int = option(1, "transcripts of an utterance, at most; above 1 lattices are made", ge=1)
    lattice_search_beam: float = option(
        8.0, "beam of the search that makes lattices: slower, so narrower", gt=0
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
        self._words = _numbers_of(graph / "words.txt")
        self._pdf = _pdfs(graph / "pdfs.int")
        # The decoder does not check: such graphs would end the process, or never end.
        fst = read_transducer(path)
        strange = set(fst.arcs["olabel"].tolist()) - self._words.keys() - {0}
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
        search = self._best if self._options.nbest == 1 else self._alternatives
        return [
            Hypothesis(
                tuple(self._words[word] for word in words),
                -(graph + acoustic),
                -acoustic / scale if scale else 0.0,
            )
            for words, graph, acoustic in search(decodable)
        ]

    def _best(self, decodable: kaldi_decoder.DecodableCtc) -> list[_Path]:
        options = kaldi_decoder.FasterDecoderOptions(
            beam=self._options.beam, max_active=self._options.max_active
        )
        decoder = kaldi_decoder.FasterDecoder(self._fst, options)
        decoder.decode(decodable)
        found, lattice = decoder.get_best_path()
        return [_as_path(lattice)] if found and decoder.reached_final() else []

    def _alternatives(self, decodable: kaldi_decoder.DecodableCtc) -> list[_Path]:
        options = kaldi_decoder.LatticeSimpleDecoderConfig(
            beam=self._options.lattice_search_beam, lattice_beam=self._options.lattice_beam
        )
        decoder = kaldi_decoder.LatticeSimpleDecoder(self._fst, options)
        if not decoder.decode(decodable) or math.isinf(decoder.final_relative_cost()):
            return []
        found, lattice = decoder.get_raw_lattice()
        return unique_paths(lattice, self._options.nbest) if found else []


def unique_paths(lattice: kaldifst.Lattice, count: int) -> list[_Path]:
    """The best path of each of the best `count` transcripts.

    A lattice holds many alignments of one transcript, so paths are drawn until there are `count`
    transcripts, or no more paths.
    """
    wanted = count
    while True:
        paths = kaldifst.lattice_to_nbest(lattice, 1.0, 1.0, wanted)
        best: dict[tuple[int, ...], _Path] = {}
        for path in map(_as_path, paths):
            best.setdefault(path[0], path)
        if len(best) >= count or len(paths) < wanted or wanted >= _MOST_PATHS * count:
            return list(best.values())[:count]
        wanted *= 4


def _as_path(lattice: kaldifst.Lattice) -> _Path:
    _, _, words, weight = kaldifst.get_linear_symbol_sequence(lattice)
    return tuple(words), weight.value1, weight.value2


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
    try:
        pdfs = np.array(read_text(path).split(), dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: not numbers of pdfs ({error})") from None
    if len(pdfs) < 2 or pdfs[1:].min() < 0 or pdfs.max() >= MOST_PDFS:
        raise InputError(f"{path}: not numbers of pdfs: run decoding_graph again")
    return pdfs


def read_graph(path: Path) -> kaldifst.StdVectorFst:
    """Read a decoding graph. Raises InputError if it is missing, damaged or empty."""
    if not path.is_file():
        raise InputError(f"{path}: no such graph; make it with `pyscorer decoding_graph`")
    return read_vector_fst(path)
