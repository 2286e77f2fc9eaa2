"""Forced alignment with the monophone GMM-HMM: the stage `align`, and one recording at a time."""

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.alignment.features import GmmFeatures
from pyscorer.alignment.gmm_model import Gmm, KaldiModel, kaldi_model
from pyscorer.alignment.viterbi import (
    GraphCompiler,
    Pronunciation,
    min_frames,
    phone_segments,
    pronunciations,
    report_unknown,
    viterbi,
    word_segments,
)
from pyscorer.contract.archives import archive_writer
from pyscorer.contract.ctm import Segment, ctm_lines
from pyscorer.contract.datadir import Utterance
from pyscorer.contract.files import atomic_open
from pyscorer.contract.phones import PHONE_ID, PHONES
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import Lexicon, read_lexicon
from pyscorer.options import option
from pyscorer.parallel import chunks, shared_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

_CHUNK = 25
"""Utterances aligned by a process at a time."""


@dataclass(frozen=True)
class AlignOptions:
    """Viterbi alignment."""

    canonical: bool = option(
        False, "align to the canonical phones where the data have them, not the lexicon's"
    )
    beam: float = option(10.0, "first beam", ge=0)
    retry_beam: float = option(40.0, "second beam; after it the beam doubles until it works", ge=0)
    boost_silence: float = option(1.25, "factor on the likelihood of silence", ge=0)
    allow_failures: bool = option(
        False, "list utterances that cannot be aligned in OUT/failed, and go on"
    )
    jobs: int = option(0, "processes; 0: as many as cores", ge=0)


@dataclass(frozen=True)
class Alignment:
    """One aligned recording; frames of 10 ms."""

    phones: list[Segment]
    """Phones and silences, without gaps."""
    words: list[Segment]
    """One segment a word of the text, in order."""
    beam: float
    """The beam that was needed."""

    def phone_ids(self) -> np.ndarray:
        """(frames,) int32: the phone of each frame, ids of `phones.PHONES`."""
        ids = [PHONE_ID[segment.label] for segment in self.phones]
        return np.repeat(ids, [segment.length for segment in self.phones]).astype(np.int32)


def _align(
    model: KaldiModel,
    compiler: GraphCompiler,
    features: np.ndarray,
    words: Sequence[Pronunciation],
    labels: Sequence[str],
    options: AlignOptions,
) -> Alignment | str:
    """The alignment, or why there is none."""
    needed = min_frames(words)
    if not words:
        return "no words"
    if len(features) < needed:
        return f"{len(features)} frames where its phones need at least {needed}"
    path = viterbi(model, compiler(words), features, options.beam, options.retry_beam)
    if path is None:
        return "no path at any beam"
    phones = phone_segments(path.transition_ids)
    return Alignment(phones, word_segments(phones, words, labels), path.beam)


def align_one(
    model: Gmm,
    features: np.ndarray,
    words: Sequence[str],
    lexicon: Lexicon,
    options: AlignOptions = AlignOptions(),
) -> Alignment:
    """Align one recording to its words.

    `features` are (frames, 39) as `features.gmm_features` gives them. Raises InputError naming the
    words that are not in `lexicon`, and if the recording is too short for the words.
    """
    unknown = [word for word in dict.fromkeys(words) if word not in lexicon]
    if unknown:
        raise InputError(
            f"not in the lexicon: {', '.join(unknown)}; add their pronunciations to it, or use "
            "words that it has"
        )
    entries = [tuple(lexicon[word]) for word in words]
    kaldi = kaldi_model(model, options.boost_silence)
    result = _align(kaldi, GraphCompiler(kaldi, entries), features, entries, words, options)
    if isinstance(result, str):
        raise InputError(f"cannot align the recording: {result}")
    return result


@dataclass(frozen=True)
class _Task:
    utterance: Utterance
    words: tuple[Pronunciation, ...]


@dataclass(frozen=True)
class _Source:
    model: KaldiModel
    read: GmmFeatures
    options: AlignOptions


def _align_chunk(source: _Source, tasks: list[_Task]) -> list[tuple[str, Alignment | str]]:
    model = source.model
    compiler = GraphCompiler(model, (word for task in tasks for word in task.words))
    return [
        (u.key, _align(model, compiler, source.read(u), task.words, u.words, source.options))
        for task in tasks
        for u in [task.utterance]
    ]


def align(
    data: Path,
    feats: Path,
    lexicon: Path,
    model: Path,
    out: Path,
    options: AlignOptions = AlignOptions(),
) -> None:
    """Align every utterance of `data` to its words.

    `feats` comes from the stage `features` (kind mfcc13), `model` from `train_gmm`. Writes
    `out/ali.scp` and `.ark` (int32 phone id of every 10 ms frame), `out/phones.ctm` (silence as
    SIL, words outside the lexicon as SPN), `out/words.ctm` (one line a word of `text`, in order),
    `out/phones.txt` (phone ids) and `out/failed` (utterance and reason; empty unless
    `allow_failures`). ali.scp appears last: its presence means that the stage is complete.

    Raises InputError listing the utterances that cannot be aligned: those with fewer frames than
    their phones need.
    """
    utterances = read_utterances(data)
    entries = read_lexicon(lexicon)
    unknown: Counter[str] = Counter()
    failed: dict[str, str] = {}
    beams: Counter[float] = Counter()

    def tasks() -> Iterator[_Task]:
        for utterance in utterances.values():
            words, strange = pronunciations(utterance, entries, options.canonical)
            unknown.update(strange)
            yield _Task(utterance, tuple(words))

    def stream() -> Iterator[tuple[str, Alignment]]:
        gmm = kaldi_model(Gmm.load(model / "final.npz"), options.boost_silence)
        source = _Source(gmm, GmmFeatures(feats), options)
        parts = chunks(tasks(), _CHUNK)
        with progress_bar(total=len(utterances), desc=f"align {data}") as progress:
            for chunk in shared_map(_align_chunk, source, parts, options.jobs):
                for key, result in chunk:
                    if isinstance(result, str):
                        failed[key] = result
                        continue
                    beams[result.beam] += 1
                    yield key, result
                progress.update(len(chunk))

    with (
        archive_writer(out / "ali.scp") as write,
        atomic_open(out / "phones.ctm") as phones,
        atomic_open(out / "words.ctm") as words,
    ):
        for key, result in stream():
            write(key, result.phone_ids())
            phones.writelines(ctm_lines(key, result.phones))
            words.writelines(ctm_lines(key, result.words))
        report_unknown(unknown, lexicon)
        if failed and not options.allow_failures:
            listed = "\n".join(f"  {key}: {reason}" for key, reason in failed.items())
            raise InputError(
                f"{data}: {len(failed)} utterances cannot be aligned; correct or remove them, or "
                f"set allow_failures to go on without them:\n{listed}"
            )
        with atomic_open(out / "phones.txt") as file:
            file.writelines(f"{phone} {index}\n" for index, phone in enumerate(PHONES))
        with atomic_open(out / "failed") as file:
            file.writelines(f"{key} {reason}\n" for key, reason in failed.items())
    wider = sum(count for beam, count in beams.items() if beam > options.retry_beam)
    log.info(
        "%s: %d utterances aligned, %d of them at the retry beam, %d at a wider one; %d failed",
        out / "ali.scp",
        beams.total(),
        beams[options.retry_beam],
        wider,
        len(failed),
    )
