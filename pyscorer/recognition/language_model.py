"""N-gram language models: estimated from text with NLTK, kept as ARPA files, turned into an FST."""

import contextlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import kaldifst

from pyscorer.contract.files import atomic_open, read_lines, shown
from pyscorer.errors import InputError

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
BACKOFF = "#0"
"""Kaldi's symbol on the input side of arcs to a shorter history."""
LOG_10 = math.log(10)


def _ngrams(sentence: Sequence[str], order: int) -> list[tuple[str, ...]]:
    """All n-grams up to `order`, none that ends in the start mark: that is never predicted."""
    marked = [START, *sentence, END]
    return [
        tuple(marked[end - size : end])
        for end in range(2, len(marked) + 1)
        for size in range(1, min(order, end) + 1)
    ]


def write_arpa(path: Path, sentences: Iterable[Sequence[str]], order: int) -> None:
    """Estimate a Witten-Bell interpolated model of `order` and write it as an ARPA file.

    P(w | h) = (1 - g) c(h w) / c(h) + g P(w | shorter h), with g = t / (t + c(h)) and t the number
    of words seen after h (Witten and Bell 1991): g is the back-off weight. Raises InputError if
    there are no sentences.
    """
    from nltk.lm import WittenBellInterpolated  # slow to import

    sentences = list(sentences)
    if not any(sentences):
        raise InputError("no text to estimate a language model from")
    vocabulary = {word for sentence in sentences for word in sentence} | {START, END}
    model = WittenBellInterpolated(order)
    model.fit([_ngrams(sentence, order) for sentence in sentences], vocabulary)
    seen: list[set[tuple[str, ...]]] = [set() for _ in range(order)]
    for sentence in sentences:
        for ngram in _ngrams(sentence, order):
            seen[len(ngram) - 1].add(ngram)
    seen[0].add((START,))
    with atomic_open(path) as stream:
        stream.write("\\data\\\n")
        stream.writelines(f"ngram {n}={len(ngrams)}\n" for n, ngrams in enumerate(seen, 1))
        for n, ngrams in enumerate(seen, 1):
            stream.write(f"\n\\{n}-grams:\n")
            for ngram in sorted(ngrams):
                *history, word = ngram
                score = -99.0 if word == START else math.log10(model.score(word, history))
                line = f"{score:.6f}\t{' '.join(ngram)}"
                if n < order and word != END:
                    weight = model.estimator.alpha_gamma(END, ngram)[1]
                    line += f"\t{math.log10(weight):.6f}"
                stream.write(line + "\n")
        stream.write("\n\\end\\\n")


Ngrams = dict[tuple[str, ...], tuple[float, float]]
"""N-gram -> natural logarithm of its probability and of its back-off weight."""


def read_arpa(path: Path) -> Ngrams:
    """Read an ARPA file.

    Raises InputError naming the line for a file that is garbled, cut short, or whose counts are
    wrong.
    """
    ngrams: Ngrams = {}
    for number, ngram, score, weight in each_ngram(path):
        if ngram in ngrams:
            raise InputError(f"{path}:{number}: `{shown(' '.join(ngram))}` stands twice")
        ngrams[ngram] = score * LOG_10, weight * LOG_10
    return ngrams


def each_ngram(path: Path) -> Iterator[tuple[int, tuple[str, ...], float, float]]:
    """Yield line, n-gram, and the logarithms to base 10 that an ARPA file has of it, streaming.

    Of the probability, and of the back-off weight: 0 where none stands. Raises InputError as
    `read_arpa` does, but for n-grams that stand twice; what is wrong with counts shows at the end.
    """
    expected: dict[int, int] = {}
    found: Counter[int] = Counter()
    section, number, ended = 0, 0, False
    for number, line in read_lines(path):
        line = line.strip()
        if line.startswith("\\"):
            ended = line == "\\end\\"
            section = -1 if line == "\\data\\" else 0
            if line.endswith("-grams:") and line[1:-7].isdecimal():
                section = int(line[1:-7])
        elif section == -1 and line.startswith("ngram "):
            size, _, count = line.removeprefix("ngram ").partition("=")
            try:
                expected[int(size)] = int(count)
            except ValueError:
                raise InputError(f"{path}:{number}: expected `ngram N=COUNT`: {line}") from None
        elif section > 0 and line:
            fields = line.split()
            found[section] += 1
            score = _number(fields[0])
            weight = _number(fields[section + 1]) if len(fields) == section + 2 else 0.0
            if len(fields) not in (section + 1, section + 2) or score is None or weight is None:
                raise InputError(f"{path}:{number}: not a {section}-gram of an ARPA file: {line}")
            yield number, tuple(fields[1 : section + 1]), score, weight
    if not expected:
        raise InputError(f"{path}: no \\data\\ section: not an ARPA file")
    if not ended:
        raise InputError(f"{path}:{number}: ends without \\end\\: the file is cut short")
    for order in sorted(expected.keys() | found.keys()):
        announced = expected.get(order, 0)
        if found[order] != announced:
            raise InputError(f"{path}: {found[order]} {order}-grams, {announced} announced")


def _number(text: str) -> float | None:
    with contextlib.suppress(ValueError):
        return float(text) if math.isfinite(float(text)) else None
    return None


def vocabulary(ngrams: Ngrams) -> list[str]:
    """The words of a language model, without the marks of sentence start and end."""
    return [key[0] for key in ngrams if len(key) == 1 and key[0] not in (START, END)]


def grammar_fst(ngrams: Ngrams, word_id: dict[str, int]) -> kaldifst.StdVectorFst:
    """The grammar G of a back-off model: Kaldi's arpa2fst --disambig-symbol=#0.

    A state is a history; arcs to a shorter one read `#0` and write nothing, words read and write
    themselves. N-grams with words that `word_id` lacks are left out.
    """
    known = {key for key in ngrams if all(word in word_id for word in key)}
    # A history that leads nowhere is the same as its shorter one.
    histories = {(), (START,), *(key[:-1] for key in known)}
    fst = kaldifst.StdVectorFst()
    state = {history: fst.add_state() for history in sorted(histories)}

    def longest(history: tuple[str, ...]) -> int:
        while history not in state:
            history = history[1:]
        return state[history]

    fst.start = state[START,]
    for history, source in state.items():
        if history:
            weight = ngrams.get(history, (0.0, 0.0))[1]
            target = longest(history[1:])
            fst.add_arc(source, kaldifst.StdArc(word_id[BACKOFF], 0, -weight, target))
    for key in sorted(known):
        *_, word = key
        score, source = ngrams[key][0], state[key[:-1]]
        if word == END:
            fst.set_final(source, -score)
        elif word != START:
            label = word_id[word]
            fst.add_arc(source, kaldifst.StdArc(label, label, -score, longest(key)))
    return fst
