"""Reader of speechocean762 (Zhang et al., Interspeech 2021), in the layout of its release.

Audio may be the release's `WAVE/SPEAKERnnnn/utterance.WAV` or any other file that the split's
`wav.scp` names relative to the corpus folder.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from pyscorer.contract.datadir import DataDir, Utterance, score
from pyscorer.contract.files import read_json, read_table, shown
from pyscorer.contract.phones import strip_stress
from pyscorer.contract.scales import SPEECHOCEAN
from pyscorer.corpora.part import CorpusPart
from pyscorer.errors import InputError, naming
from pyscorer.lexicon.dictionary import read_lexicon
from pyscorer.lexicon.normalise import english_words, lexicon_spelling, same_word
from pyscorer.lexicon.syllables import read_stresses

SPLITS = ("train", "test")
UTTERANCE_ASPECTS, WORD_ASPECTS = list(SPEECHOCEAN.utterance), list(SPEECHOCEAN.word)


def read(folder: Path, split: str) -> CorpusPart:
    """Read `split` (train or test) of the corpus in `folder`.

    Scores keep the corpus's scales: utterances and words 0..10, phones 0..2. What scores.json does
    not hold (null, or a key that is missing: an aspect, all words, the phones of one) is NaN.

    Raises InputError naming file and utterance for anything missing or inconsistent.
    """
    if split not in SPLITS:
        raise InputError(f"speechocean762 has the splits train and test, not {split}")
    source = folder / split
    text = read_table(source / "text")
    audio = read_table(source / "wav.scp")
    speakers = read_table(source / "utt2spk")
    canonical = _read_text_phone(folder / "resource/text-phone")
    lexicon = read_lexicon(folder / "resource/lexicon.txt")
    spelling = lexicon_spelling(lexicon)
    data = DataDir()
    for key in sorted(text.keys() | audio.keys()):
        for name, table in (("text", text), ("wav.scp", audio), ("utt2spk", speakers)):
            if key not in table:
                raise InputError(f"{source / name}: lacks utterance {shown(key)}")
        with naming(f"{source / 'text'}: {key}"):
            words = tuple(english_words(text[key], spelling))
        phones = canonical.get(key, ())
        if len(phones) != len(words):
            raise InputError(
                f"{folder}/resource/text-phone: {shown(key)}: phones of {len(phones)} words, "
                f"{source}/text has {len(words)}"
            )
        data.utterances[key] = Utterance(
            key, speakers[key], (folder / audio[key]).absolute(), words, phones
        )
    if not data.utterances:
        raise InputError(f"{source / 'text'}: no utterances")
    for attribute in ("age", "gender"):
        known = source / f"spk2{attribute}"
        for speaker, value in (read_table(known) if known.exists() else {}).items():
            data.speakers.setdefault(speaker, {})[attribute] = value
    labels = _read_scores(folder / "resource/scores.json", data)
    raters = folder / "resource/raters.json"
    if raters.exists():
        labels["rater"] = _read_raters(raters, data)
    stresses = read_stresses(folder / "resource/lexicon.txt")
    return CorpusPart(data, lexicon, labels, stresses=stresses)


def _read_text_phone(path: Path) -> dict[str, tuple[tuple[str, ...], ...]]:
    words: dict[str, dict[int, tuple[str, ...]]] = defaultdict(dict)
    for key, value in read_table(path).items():
        utterance, _, index = key.rpartition(".")
        if not index.isdecimal() or not value:
            raise InputError(f"{path}: {shown(key)}: not `utterance.wordindex phone ...`")
        words[utterance][int(index)] = tuple(strip_stress(p) for p in value.split())
    for utterance, by_index in words.items():
        if sorted(by_index) != list(range(len(by_index))):
            places = shown(str(sorted(by_index)))
            raise InputError(f"{path}: {shown(utterance)}: word indices {places} have gaps")
    return {u: tuple(w[i] for i in range(len(w))) for u, w in words.items()}


def _scale(value: Any, top: float) -> float | None:
    """A score on the scale 0..`top`; None, to mask, where there is none."""
    if value is None:
        return None
    if isinstance(value, str):
        return score(value.strip(), (0.0, top))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"is {shown(repr(value))}, not a number")
    if not 0 <= value <= top:  # NaN as well
        raise ValueError(f"{value} is out of range 0..{top:g}")
    return value


def _entries(path: Path, data: DataDir) -> Iterator[tuple[str, Utterance, dict[str, Any]]]:
    """Of every utterance what a JSON file of objects by utterance says."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: not an object with an utterance a key")
    for key, utterance in data.utterances.items():
        if key not in content:
            raise InputError(f"{path}: lacks utterance {shown(key)}")
        if not isinstance(content[key], dict):
            raise InputError(f"{path}: {shown(key)}: not an object of scores")
        yield key, utterance, content[key]


def _aspects(entry: dict[str, Any], aspects: list[str], place: str) -> dict[str, float | None]:
    """The scores 0..10 of an utterance or a word, None of those that are not there."""
    scores = {}
    for aspect in aspects:
        try:
            scores[aspect] = _scale(entry.get(aspect), 10)
        except ValueError as error:
            raise InputError(f"{place}: {aspect} {error}") from None
    return scores


def _words(entry: dict[str, Any], utterance: Utterance, place: str) -> list[dict[str, Any]]:
    """What is said of each word of an utterance, nothing where the words are not there."""
    words = entry.get("words")
    if words is None:
        return [{} for _ in utterance.words]
    if not isinstance(words, list) or not all(isinstance(word, dict) for word in words):
        raise InputError(f"{place}: words: not a list of objects")
    spoken = [str(word.get("text")) for word in words]
    if len(spoken) != len(utterance.words) or not all(map(same_word, spoken, utterance.words)):
        raise InputError(f"{place}: words differ from those in text")
    return words


def _accuracies(word: dict[str, Any], phones: tuple[str, ...], place: str) -> list[float | None]:
    """The scores 0..2 of a word's phones."""
    given = word.get("phones-accuracy")
    if given is None or given == []:
        return [None] * len(phones)
    if not isinstance(given, list):
        raise InputError(f"{place}: phones-accuracy: not a list of numbers")
    if len(given) != len(phones):
        raise InputError(f"{place}: {len(given)} scores for {len(phones)} phones")
    try:
        return [_scale(accuracy, 2) for accuracy in given]
    except ValueError as error:
        raise InputError(f"{place}: phones-accuracy {error}") from None


def _read_scores(path: Path, data: DataDir) -> dict[str, pd.DataFrame]:
    """The tables of utterances, words and phones; scores that are not there are NaN."""
    utterances, words, phones = [], [], []
    for key, utterance, entry in _entries(path, data):
        place = f"{path}: {shown(key)}"
        utterances.append({"utterance": key} | _aspects(entry, UTTERANCE_ASPECTS, place))
        for index, (text, word, canonical) in enumerate(
            zip(
                utterance.words,
                _words(entry, utterance, place),
                utterance.canonical or (),
                strict=True,
            )
        ):
            of_word = f"{place}: word {index} ({shown(text)})"
            row = {"utterance": key, "word_index": index, "word": text}
            words.append(row | _aspects(word, WORD_ASPECTS, of_word))
            for position, pair in enumerate(
                zip(canonical, _accuracies(word, canonical, of_word), strict=True)
            ):
                phones.append((key, index, position, *pair))
    columns = ["utterance", "word_index", "phone_index", "phone", "accuracy"]
    tables = {
        "utterance": pd.DataFrame(utterances),
        "word": pd.DataFrame(words),
        "phone": pd.DataFrame(phones, columns=columns).astype({"accuracy": float}),
    }
    return {level: _masked(table) for level, table in tables.items()}


def _masked(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with NaN for None, and numbers in the columns of scores."""
    aspects = table.columns.intersection([*UTTERANCE_ASPECTS, *WORD_ASPECTS])
    return table.astype({a: float for a in aspects if table[a].isna().any()})


def _read_raters(path: Path, data: DataDir) -> pd.DataFrame:
    """One row an utterance and expert; completeness, a share there, is put on 0..10."""
    rows = []
    for key, _, entry in _entries(path, data):
        place = f"{path}: {shown(key)}"
        given = {a: entry[a] for a in UTTERANCE_ASPECTS if entry.get(a) is not None}
        if not given or not all(isinstance(values, list) for values in given.values()):
            raise InputError(f"{place}: not lists of scores, one for each expert")
        if len({len(values) for values in given.values()}) > 1:
            raise InputError(f"{place}: as many experts for every aspect are expected")
        if "completeness" in given:
            given["completeness"] = [_completeness(v) for v in given["completeness"]]
        for rater, scores in enumerate(zip(*given.values(), strict=True)):
            row = _aspects(dict(zip(given, scores, strict=True)), UTTERANCE_ASPECTS, place)
            numbers = {a: v if v is None else float(v) for a, v in row.items()}
            rows.append({"utterance": key, "rater": rater} | numbers)
    return _masked(pd.DataFrame(rows, columns=["utterance", "rater", *UTTERANCE_ASPECTS]))


def _completeness(share: Any) -> Any:
    return round(10 * share, 4) if isinstance(share, int | float) else share
