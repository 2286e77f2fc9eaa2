"""Stage `heard`: a data directory of what a recogniser heard, for the stages that read a text."""

import logging
from collections.abc import KeysView
from dataclasses import replace
from pathlib import Path

from pyscorer.alignment.viterbi import min_frames
from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.datadir import DataDir, read_data_dir, write_data_dir
from pyscorer.contract.decoded import TEXT, read_decoded
from pyscorer.contract.files import atomic_directory, read_table, write_table
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import Lexicon, read_lexicon, write_lexicon
from pyscorer.lexicon.words import TranscriptReader

log = logging.getLogger(__name__)

UNHEARD = "unheard.txt"
_EDGE = 3
"""Frames of a recording's duration that features may lack at its ends."""


def heard(data: Path, decoded: Path, out: Path, lexicon: Path | None = None) -> None:
    """Make a data directory of the utterances of `data` in which a recogniser heard words.

    `decoded` is a folder of decode, decode_vosk or transcribe (see `contract.decoded`) for `data`.
    `out` has the transcript as `text`, its words as `lexicon` spells them, and speakers, audio,
    spans and prompts as `data` has them; no canonical phones and no labels. Its `lexicon.txt` has
    the words of the text, those that `lexicon` lacks as espeak-ng reads their spelling. Marks
    (<unk>) and words in no English letters are left out. `out/unheard.txt` names the other
    utterances, each with the reason: nothing heard, or more phones than it has time for.

    Raises InputError for a folder that lacks utterances of `data` or has others, and if nothing
    was heard in any.
    """
    source = read_data_dir(data)
    durations = read_table(data / "utt2dur") if (data / "utt2dur").exists() else {}
    reader = TranscriptReader(read_lexicon(lexicon) if lexicon else {})
    found, words, unheard, guessed = DataDir(), Lexicon(), dict[str, str](), set[str]()
    transcripts = {one.key: one.transcript for one in read_decoded(decoded)}
    _check_same(decoded, transcripts.keys(), data, source.utterances.keys())
    for key, utterance in source.utterances.items():
        said = reader.pronounced(transcripts[key])
        needed = min_frames([word.variants for word in said])
        seconds = float(durations.get(key, "inf"))
        if not said:
            unheard[key] = "nothing heard"
        elif needed > seconds / FRAME_SHIFT - _EDGE:
            unheard[key] = f"{len(said)} words in {seconds:g} s: {transcripts[key]}"
        else:
            own = tuple(word.word for word in said)
            found.utterances[key] = replace(utterance, words=own, canonical=None)
            words |= {word.word: list(word.variants) for word in said}
            guessed |= {word.word for word in said if word.guessed}
    if not found.utterances:
        raise InputError(f"{decoded / TEXT}: nothing was heard in any of {len(unheard)} utterances")
    speakers = {utterance.speaker for utterance in found.utterances.values()}
    found.speakers = {s: known for s, known in source.speakers.items() if s in speakers}
    with atomic_directory(out) as part:
        write_data_dir(part, found)
        write_lexicon(part / "lexicon.txt", words)
        write_table(part / UNHEARD, unheard)
        if durations:
            write_table(part / "utt2dur", {key: durations[key] for key in found.utterances})
    log.info(
        "%s: words in %d of %d utterances, %d words, %d of them as their spelling is read",
        *(out, len(found.utterances), len(source.utterances), len(words), len(guessed)),
    )


def _check_same(
    decoded: Path, transcribed: KeysView[str], data: Path, wanted: KeysView[str]
) -> None:
    for these, others, fault in (
        (wanted, transcribed, f"lacks {{}} utterances of {data}"),
        (transcribed, wanted, f"has {{}} utterances that {data} has not"),
    ):
        if missing := [key for key in these if key not in others]:
            listed = " ".join(missing[:10])
            raise InputError(
                f"{decoded / TEXT}: {fault.format(len(missing))}: {listed}: decode that data "
                "directory again"
            )
