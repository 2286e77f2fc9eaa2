"""Reader of L2-ARCTIC (Zhao et al., Interspeech 2018), in the layout of its release.

`<folder>/<speaker>/wav/*.wav`, `transcript/*.txt`, and TextGrids: `textgrid` of all recordings by
forced alignment, `annotation` of a part of them by hand. The phone tier of the latter has a label
`CPL,PPL,s` where another phone (PPL) was said than the canonical one (CPL), `CPL,sil,d` where none
was, and `sil,PPL,a` where one was added.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from praatio import textgrid
from praatio.utilities.constants import Interval

from pyscorer.contract.datadir import LABEL_KEYS, DataDir, Utterance
from pyscorer.contract.files import read_text, shown
from pyscorer.contract.phones import SPOKEN_PHONES, strip_stress
from pyscorer.corpora.own_corpus import guessed_lexicon
from pyscorer.corpora.part import CorpusPart
from pyscorer.errors import InputError, naming
from pyscorer.lexicon.dictionary import Lexicon, add_variant
from pyscorer.lexicon.normalise import english_words, same_word

ALL = "all"
_GENDERS = {
    **dict.fromkeys("YBAA ABA BWC TXHC ASI RRBI HKK YKWK EBVS ERMS HQTV TLV".split(), "m"),  # noqa: SIM905
    **dict.fromkeys("SKA ZHAA LXC NCC SVBI TNI HJK YDCK MBMPS NJS PNV THV".split(), "f"),  # noqa: SIM905
}
_SILENCES = {"", "SIL", "SP", "SPN"}
_KINDS = {"S", "D", "A"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SpokenPhone:
    """A canonical phone, and what was said in its place."""

    canonical: str
    said: tuple[str, ...]
    """Itself where it is right, nothing where it was left out; then what was added behind it."""
    right: bool


def read(folder: Path, split: str) -> CorpusPart:
    """Read the corpus; its one split is `all`, of which the manifest's rules make others.

    Phones that were annotated as wrong have the accuracy 0, others 1; those of recordings without
    annotation have none. `said`, in the table of phones, is what was said. An annotation that
    cannot be read is named in the log, and its recording counts as not annotated.

    Raises InputError naming what is missing.
    """
    if split != ALL:
        raise InputError(f"l2arctic is one part, {ALL}, not {split}; see the rules of its manifest")
    data, lexicon = DataDir(), Lexicon()
    rows: list[tuple[object, ...]] = []
    for transcripts in sorted(folder.glob("*/transcript")):
        speaker = transcripts.parent.name
        if speaker in _GENDERS:
            data.speakers[speaker] = {"gender": _GENDERS[speaker]}
        for transcript in sorted(transcripts.glob("*.txt")):
            key = f"{speaker}_{transcript.stem}"
            with naming(transcript):
                found = english_words(read_text(transcript).strip(), lambda _: None)
                if not found:
                    raise InputError("no words")
            words = tuple(word.upper() for word in found)
            annotation = _annotated(transcripts.parent, transcript.stem, words)
            aligned = annotation or _aligned(transcripts.parent, transcript.stem, words)
            canonical = None
            if aligned:
                canonical = tuple(tuple(p.canonical for p in phones) for phones in aligned)
            audio = transcripts.parent / "wav" / f"{transcript.stem}.wav"
            data.utterances[key] = Utterance(key, speaker, audio.absolute(), words, canonical)
            if canonical:
                for word, variant in zip(words, canonical, strict=True):
                    add_variant(lexicon, word, variant)
            rows += [
                (key, index, place, phone.canonical, float(phone.right), " ".join(phone.said))
                for index, phones in enumerate(annotation or ())
                for place, phone in enumerate(phones)
            ]
    if not data.utterances:
        raise InputError(f"{folder}: no speaker/transcript/*.txt below it")
    said = {word for u in data.utterances.values() for word in u.words}
    lexicon |= guessed_lexicon(said - lexicon.keys())
    table = pd.DataFrame(rows, columns=[*LABEL_KEYS["phone"], "accuracy", "said"])
    return CorpusPart(data, lexicon, {"phone": table})


Words = tuple[tuple[SpokenPhone, ...], ...]


def _annotated(speaker: Path, stem: str, words: tuple[str, ...]) -> Words | None:
    return _spoken(speaker / "annotation" / f"{stem}.TextGrid", words)


def _aligned(speaker: Path, stem: str, words: tuple[str, ...]) -> Words | None:
    return _spoken(speaker / "textgrid" / f"{stem}.TextGrid", words)


def _spoken(path: Path, words: tuple[str, ...]) -> Words | None:
    """The phones of each word; None where there is no TextGrid, or none that can be read."""
    if not path.exists():
        return None
    try:
        return _phones_of_words(path, words)
    except InputError as error:
        log.warning("%s: %s: not used", path, error)
        return None


def _phones_of_words(path: Path, words: tuple[str, ...]) -> Words:
    try:
        grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
        tiers = {name.lower(): grid.getTier(name).entries for name in grid.tierNames}
    except Exception as error:  # praatio raises whatever its parser stumbles over
        raise InputError(f"not readable as a TextGrid: {shown(str(error), 200)}") from None
    if lacking := {"words", "phones"} - tiers.keys():
        raise InputError(f"no tier {' and '.join(sorted(lacking))}")
    spoken = [e for e in tiers["words"] if e.label.strip().upper() not in _SILENCES]
    if len(spoken) != len(words) or not all(
        same_word(entry.label.strip(), word) for entry, word in zip(spoken, words, strict=True)
    ):
        labels = shown(" ".join(entry.label for entry in spoken), 200)
        raise InputError(f"its words are {labels}, the transcript's {shown(' '.join(words), 200)}")
    found: list[list[SpokenPhone]] = [[] for _ in words]
    added: tuple[str, ...] = ()
    for entry in tiers["phones"]:
        place = _word_of(entry, spoken)
        with naming(f"at {entry.start:.2f} s"):
            phone = read_label(entry.label)
        if place is None or phone is None:
            continue
        own = found[place]
        if phone.canonical:
            own.append(SpokenPhone(phone.canonical, added + phone.said, phone.right))
            added = ()
        elif own:
            last = own[-1]
            own[-1] = SpokenPhone(last.canonical, last.said + phone.said, last.right)
        else:
            added += phone.said
    for word, phones in zip(words, found, strict=True):
        if not phones:
            raise InputError(f"no phones of the word {shown(word)}")
    return tuple(map(tuple, found))


def _word_of(phone: Interval, words: list[Interval]) -> int | None:
    middle = (phone.start + phone.end) / 2
    return next((i for i, word in enumerate(words) if word.start <= middle < word.end), None)


def read_label(label: str) -> SpokenPhone | None:
    """What a label of the phone tier says; None of silence, no canonical phone of an addition.

    Raises InputError for a label that says neither a phone nor `CPL,PPL,s|d|a`.
    """
    parts = [strip_stress(part.strip().strip("*`").upper()) for part in label.split(",")]
    if len(parts) == 1:
        if parts[0] in _SILENCES:
            return None
        if parts[0] in SPOKEN_PHONES:
            return SpokenPhone(parts[0], (parts[0],), True)
    if len(parts) == 3 and parts[2] in _KINDS:
        canonical, said, kind = parts
        there = () if said in _SILENCES or kind == "D" else (said,)
        if kind == "A" and there:
            return SpokenPhone("", there, False)
        if kind != "A" and canonical in SPOKEN_PHONES:
            return SpokenPhone(canonical, there, False)
    raise InputError(f"label {shown(label)!r} is neither a phone nor CPL,PPL,s, d or a")
