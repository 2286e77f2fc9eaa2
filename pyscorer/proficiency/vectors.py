"""Word vectors: read from a word2vec file, or trained on the text at hand by skip-gram."""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import numpy as np
import torch
from numpy.typing import NDArray

from pyscorer.contract.files import opened, shown
from pyscorer.contract.tables import whole
from pyscorer.errors import InputError

Vectors = dict[str, NDArray[np.float32]]

_MOST_COLUMNS = 100_000


def train_skipgram(
    texts: Iterable[tuple[Sequence[str], float]],
    dimension: int = 300,
    window: int = 5,
    negative: int = 5,
    steps: int = 200,
    seed: int = 0,
) -> Vectors:
    """Skip-gram with negative sampling (Mikolov et al. 2013) on weighted sentences.

    The vocabulary of the task is small, so the expected loss over all word pairs is computed whole
    at each step (Levy & Goldberg 2014, eq. 3) in place of sampling: no noise, the same optimum.
    """
    cooccurrence: Counter[tuple[str, str]] = Counter()
    for sentence, weight in texts:
        for i, word in enumerate(sentence):
            for context in (*sentence[max(0, i - window) : i], *sentence[i + 1 : i + 1 + window]):
                cooccurrence[word, context] += weight  # type: ignore[assignment]
    words = sorted({w for pair in cooccurrence for w in pair})
    if not words:
        return {}
    index = {w: i for i, w in enumerate(words)}
    positive = np.zeros((len(words), len(words)))
    for (word, context), weight in cooccurrence.items():
        positive[index[word], index[context]] += weight
    positive = positive**0.75  # evens out the few sentence patterns that fill the corpus
    context_share = positive.sum(axis=0) / positive.sum()
    chance = negative * positive.sum(axis=1, keepdims=True) * context_share[None]
    generator = torch.Generator().manual_seed(seed)
    target = torch.randn(len(words), dimension, generator=generator) / dimension**0.5
    context_vectors = torch.randn(len(words), dimension, generator=generator) / dimension**0.5
    scale = positive.sum()
    seen = torch.tensor(positive / scale, dtype=torch.float32)
    unseen = torch.tensor(chance / scale, dtype=torch.float32)
    parameters = [target.requires_grad_(), context_vectors.requires_grad_()]
    optimizer = torch.optim.Adam(parameters, lr=0.02)
    for _ in range(steps):
        logits = target @ context_vectors.T
        loss = torch.nn.functional.softplus(-logits) * seen
        loss = (loss + torch.nn.functional.softplus(logits) * unseen).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    matrix = target.detach().numpy()
    return {w: matrix[i] for w, i in index.items()}


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    with opened(path) as stream:
        if path.suffix != ".gz":
            yield stream
            return
        try:
            with gzip.open(stream) as unpacked:
                yield cast(IO[bytes], unpacked)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(f"{path}: damaged, or not gzipped: {error}") from None


def read_vectors(path: Path, wanted: set[str]) -> Vectors:
    """Vectors of the `wanted` words from a word2vec file (text, or binary if its name has `.bin`).

    Either may be gzipped. The whole file is passed over once; only wanted words are kept. Raises
    InputError naming the line or word at fault, and for a file without any wanted word.
    """
    vectors: Vectors = {}
    with _open(path) as stream:
        header = stream.readline().split()
        try:
            count, dimension = (whole(field.decode("utf-8", "replace")) for field in header)
        except ValueError:
            raise InputError(f"{path}:1: a word2vec file begins with two numbers") from None
        if not 0 < dimension <= _MOST_COLUMNS:
            raise InputError(f"{path}:1: vectors of {dimension} numbers")
        for number in range(2, count + 2):
            if ".bin" in path.suffixes:
                name = bytearray()
                while (byte := stream.read(1)) not in (b" ", b""):
                    name += byte
                word = name.decode("utf-8", "replace").strip()
                data = stream.read(4 * dimension)
                if len(data) != 4 * dimension:
                    raise InputError(f"{path}: cut off at word {number - 1} of {count}")
                if word in wanted:
                    vectors[word] = np.frombuffer(data, "<f4").copy()
                continue
            fields = stream.readline().decode("utf-8", "replace").split()
            if len(fields) != dimension + 1:
                raise InputError(f"{path}:{number}: expected a word and {dimension} numbers")
            if fields[0] in wanted:
                try:
                    vectors[fields[0]] = np.array([float(f) for f in fields[1:]], np.float32)
                except ValueError:
                    raise InputError(f"{path}:{number}: not a number") from None
    odd = [word for word, vector in vectors.items() if not np.isfinite(vector).all()]
    if odd:
        raise InputError(f"{path}: the vector of {shown(odd[0])} is not of finite numbers")
    if not vectors:
        raise InputError(f"{path}: has none of the corpus's words")
    return vectors


def sequences(
    prompts: Iterable[Sequence[str]],
    responses: Iterable[Sequence[str]],
    vectors: Vectors,
    marker: bool,
    longest: int = 40,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Prompt and response words as one sequence of vectors: (N x T x D, N lengths).

    Words without a vector are 0 (the sequence keeps its length). With `marker`, vectors get one
    more component, and a vector that is 1 there and 0 elsewhere stands between prompt and response.
    Sequences are cut after `longest` elements and padded with 0 at the end; an empty one becomes a
    single 0 vector.
    """
    dimension = len(next(iter(vectors.values())))
    rows = []
    for prompt, response in zip(prompts, responses, strict=True):
        parts = [vectors.get(w, np.zeros(dimension, np.float32)) for w in (*prompt, *response)]
        matrix = np.stack(parts) if parts else np.zeros((0, dimension), np.float32)
        if marker:
            matrix = np.hstack([matrix, np.zeros((len(matrix), 1), np.float32)])
            end = np.zeros((1, dimension + 1), np.float32)
            end[0, -1] = 1
            matrix = np.concatenate([matrix[: len(prompt)], end, matrix[len(prompt) :]])
        rows.append(matrix[:longest])
    return pad(rows)


def pad(rows: Sequence[NDArray]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Stack T_i x D matrices into N x max T x D with their lengths (at least 1)."""
    lengths = np.array([max(len(r), 1) for r in rows])
    out = np.zeros((len(rows), int(lengths.max()), rows[0].shape[1]), np.float32)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out, lengths
