"""A language model in the numbers of a graph's words, as arpa-to-const-arpa reads it."""

from collections import Counter
from pathlib import Path

from pyscorer.contract.files import atomic_open, read_table, shown
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import read_lexicon
from pyscorer.lexicon.normalise import lexicon_spelling
from pyscorer.recognition.language_model import BACKOFF, END, START, UNKNOWN, each_ngram


def number_arpa(arpa: Path, graph: Path, out: Path) -> tuple[int, int, int]:
    """Write `out`, an ARPA file whose words are numbers of `graph`'s words.txt.

    After Kaldi's utils/map_arpa_lm.pl: n-grams with words that the graph has not are left out. Its
    words are spelled as the graph's lexicon has them. Reads the file twice, and holds its
    vocabulary alone in memory. Returns the numbers of <unk> (-1: it has none), <s> and </s>.

    Raises InputError as `read_arpa` does, for two words that are one to the lexicon, and for words
    of the graph that the model lacks, unless it has <unk>, which stands for them.
    """
    if not arpa.is_file():
        raise InputError(f"{arpa}: no such file")
    number = {word: int(i) for word, i in read_table(graph / "words.txt").items()}
    spelling = lexicon_spelling(read_lexicon(graph / "lexicon.txt"))
    vocabulary: dict[str, int] = {}
    owners: dict[int, str] = {}
    unknown = -1
    counts: Counter[int] = Counter()
    for _, ngram, *_ in each_ngram(arpa):
        if len(ngram) == 1:
            (word,) = ngram
            known = number.get(word) or number.get(spelling(word) or "")
            if word.lower() == UNKNOWN:
                known = unknown = known or len(number)
            if known:
                if owners.setdefault(known, word) != word:
                    raise InputError(
                        f"{arpa}: {shown(owners[known])} and {shown(word)} are one word to "
                        f"{graph / 'lexicon.txt'}"
                    )
                vocabulary[word] = known
        counts[len(ngram)] += all(word in vocabulary for word in ngram)
    lacking = [w for w, i in number.items() if i and i not in owners and w != BACKOFF]
    if unscored := [word for word in lacking if word in (START, END) or unknown < 0]:
        raise InputError(
            f"{arpa}: {len(unscored)} words of {graph} are not in it: {' '.join(unscored[:20])}: "
            "make the graph of a smaller model of the same words, or take one with <unk>"
        )
    _write(arpa, vocabulary, counts, out)
    return unknown, number[START], number[END]


def _write(arpa: Path, vocabulary: dict[str, int], counts: Counter[int], out: Path) -> None:
    highest = max(order for order, count in counts.items() if count)
    with atomic_open(out) as stream:
        stream.write("\\data\\\n")
        stream.writelines(f"ngram {n}={counts[n]}\n" for n in range(1, highest + 1))
        order = 0
        for _, ngram, score, weight in each_ngram(arpa):
            if len(ngram) > highest or any(word not in vocabulary for word in ngram):
                continue
            if len(ngram) != order:
                order = len(ngram)
                stream.write(f"\n\\{order}-grams:\n")
            words = " ".join(str(vocabulary[word]) for word in ngram)
            rest = f"\t{weight:.7g}" if order < highest else ""
            stream.write(f"{score:.7g}\t{words}{rest}\n")
        stream.write("\n\\end\\\n")
