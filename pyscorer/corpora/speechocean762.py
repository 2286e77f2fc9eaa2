"""Reader of speechocean762 (Zhang et al., Interspeech 2021), in the layout of its release.

Audio may be the release's `WAVE/SPEAKERnnnn/utterance.WAV` or any other file that the split's
`wav.scp` names relative to the corpus folder.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd

from pyscorer.contract.datadir import UTTERANCE_ASPECTS, WORD_ASPECTS, DataDir, Utterance
from pyscorer.contract.files import read_table
from pyscorer.contract.phones import strip_stress
from pyscorer.corpora.part import CorpusPart
from pyscorer.errors import InputError, naming
from pyscorer.lexicon.dictionary import read_lexicon
from pyscorer.lexicon.normalise import english_words, lexicon_spelling, same_word

SPLITS = ("train", "test")


def read(folder: Path, split: str) -> CorpusPart:
    """Read `split` (train or test) of the corpus in `folder`.

    Scores keep the corpus's scales: utterances and words 0..10, phones 0..2; a phone score that
    the experts' differing phone strings made void is NaN.

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
                raise InputError(f"{source / name}: lacks utterance {key}")
        with naming(f"{source / 'text'}: {key}"):
            words = tuple(english_words(text[key], spelling))
        phones = canonical.get(key, ())
        if len(phones) != len(words):
            raise InputError(
                f"{folder}/resource/text-phone: {key}: phones of {len(phones)} words, "
                f"{source}/text has {len(words)}"
            )
        data.utterances[key] = Utterance(
            key, speakers[key], (folder / audio[key]).absolute(), words, phones
        )
    for attribute in ("age", "gender"):
        for speaker, value in read_table(source / f"spk2{attribute}").items():
            data.speakers.setdefault(speaker, {})[attribute] = value
    labels = _read_scores(folder / "resource/scores.json", data)
    raters = folder / "resource/raters.json"
    if raters.exists():
        labels["rater"] = _read_raters(raters, data)
    return CorpusPart(data, lexicon, labels)


def _read_text_phone(path: Path) -> dict[str, tuple[tuple[str, ...], ...]]:
    words: dict[str, dict[int, tuple[str, ...]]] = defaultdict(dict)
    for key, value in read_table(path).items():
        utterance, _, index = key.rpartition(".")
        if not index.isdecimal() or not value:
            raise InputError(f"{path}: {key}: not `utterance.wordindex phone ...`")
        words[utterance][int(index)] = tuple(strip_stress(p) for p in value.split())
    for utterance, by_index in words.items():
        if sorted(by_index) != list(range(len(by_index))):
            raise InputError(f"{path}: {utterance}: word indices {sorted(by_index)} have gaps")
    return {u: tuple(w[i] for i in range(len(w))) for u, w in words.items()}


def _load_json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON, or cut short: {error}") from None
    return content


def _read_scores(path: Path, data: DataDir) -> dict[str, pd.DataFrame]:
    scores = _load_json(path)
    utterances, words, phones = [], [], []
    for key, utterance in data.utterances.items():
        if key not in scores:
            raise InputError(f"{path}: lacks utterance {key}")
        entry = scores[key]
        spelled = [w["text"] for w in entry["words"]]
        alike = map(same_word, spelled, utterance.words)
        if len(spelled) != len(utterance.words) or not all(alike):
            raise InputError(f"{path}: {key}: words differ from those in text")
        utterances.append({"utterance": key} | {a: entry[a] for a in UTTERANCE_ASPECTS})
        for index, (word, canonical) in enumerate(
            zip(entry["words"], utterance.canonical or (), strict=True)
        ):
            row = {"utterance": key, "word_index": index, "word": utterance.words[index]}
            words.append(row | {a: word[a] for a in WORD_ASPECTS})
            accuracies = word["phones-accuracy"] or [None] * len(canonical)
            if len(accuracies) != len(canonical):
                raise InputError(
                    f"{path}: {key}: word {index} ({word['text']}): {len(accuracies)} scores for "
                    f"{len(canonical)} phones"
                )
            for position, (phone, accuracy) in enumerate(zip(canonical, accuracies, strict=True)):
                phones.append((key, index, position, phone, accuracy))
    columns = ["utterance", "word_index", "phone_index", "phone", "accuracy"]
    return {
        "utterance": pd.DataFrame(utterances),
        "word": pd.DataFrame(words),
        "phone": pd.DataFrame(phones, columns=columns).astype({"accuracy": float}),
    }


def _read_raters(path: Path, data: DataDir) -> pd.DataFrame:
    """One row an utterance and expert; completeness, a share there, is put on 0..10."""
    ratings = _load_json(path)
    rows = []
    for key in data.utterances:
        if key not in ratings:
            raise InputError(f"{path}: lacks utterance {key}")
        entry = ratings[key]
        for rater in range(len(entry["total"])):
            given = {a: float(entry[a][rater]) for a in UTTERANCE_ASPECTS}
            given["completeness"] = round(10 * given["completeness"], 4)
            rows.append({"utterance": key, "rater": rater} | given)
    return pd.DataFrame(rows)
