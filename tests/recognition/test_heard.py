"""A data directory of what a recogniser heard."""

from pathlib import Path

import pytest

from pyscorer.contract.ctm import Segment
from pyscorer.contract.datadir import read_data_dir
from pyscorer.contract.decoded import Alternative, Decoded, write_decoded
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import read_lexicon
from pyscorer.recognition.heard import heard


def said(key: str, text: str) -> Decoded:
    words = text.split()
    segments = tuple(Segment(word, 10 * i, 10, 0.5) for i, word in enumerate(words))
    return Decoded(key, segments, (Alternative(tuple(words), -1.0),))


HEARD = [
    said("a-1", "the sheep"),
    said("a-2", ""),
    said("b-1", "[noise] The <unk> wasp"),
    said("b-2", "[noise]"),
    said("c-1", "the wasp and the wasp and the wasp"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Answers to prompts, stretches of two recordings, and what was heard in them."""
    data = tmp_path / "data"
    data.mkdir()
    keys = [one.key for one in HEARD]
    tables = {
        "wav.scp": ["a a.wav", "b b.wav"],
        "segments": [f"{key} {'ab'[i > 1]} {i} {i + 1.5}" for i, key in enumerate(keys)],
        "utt2spk": [f"{key} {key[0]}" for key in keys],
        "spk2age": ["a 9", "b 30", "c 12"],
        "prompts": [f"{key} Was ist das?" for key in keys],
        "utt2dur": [f"{key} {2 if key != 'c-1' else 0.5}" for key in keys],
    }
    for name, lines in tables.items():
        (data / name).write_text("".join(f"{line}\n" for line in lines))
    (tmp_path / "lexicon.txt").write_text("THE DH AH\nTHE DH IY\nAND AE N D\n")
    write_decoded(tmp_path / "decoded", HEARD)
    return tmp_path


def make(folder: Path) -> Path:
    heard(folder / "data", folder / "decoded", folder / "out", folder / "lexicon.txt")
    return folder / "out"


def test_what_was_heard_becomes_the_text_and_all_else_stays(folder: Path):
    made, before = read_data_dir(make(folder)), read_data_dir(folder / "data")
    texts = {key: " ".join(u.words) for key, u in made.utterances.items()}
    assert texts == {"a-1": "THE SHEEP", "b-1": "THE WASP"}
    for key, utterance in made.utterances.items():
        source = before.utterances[key]
        assert (utterance.speaker, utterance.span) == (source.speaker, source.span)
        assert (utterance.audio, utterance.prompt) == (source.audio, "Was ist das?")
    assert made.speakers == {"a": {"age": "9"}, "b": {"age": "30"}}
    assert (folder / "out" / "utt2dur").read_text() == "a-1 2\nb-1 2\n"


def test_words_that_the_lexicon_lacks_are_pronounced_as_they_are_spelled(folder: Path):
    lexicon = read_lexicon(make(folder) / "lexicon.txt")
    assert lexicon.keys() == {"THE", "SHEEP", "WASP"}
    assert lexicon["THE"] == [("DH", "AH"), ("DH", "IY")]
    assert lexicon["SHEEP"] == [("SH", "IY", "P")]


def test_the_other_utterances_are_named_with_the_reason(folder: Path):
    assert (make(folder) / "unheard.txt").read_text().splitlines() == [
        "a-2 nothing heard",
        "b-2 nothing heard",
        "c-1 8 words in 0.5 s: the wasp and the wasp and the wasp",
    ]


def test_without_a_lexicon_all_words_are_spelled_out_in_small_letters(folder: Path):
    heard(folder / "data", folder / "decoded", folder / "out")
    assert read_lexicon(folder / "out" / "lexicon.txt").keys() == {"the", "sheep", "wasp"}


def test_silence_everywhere_is_refused(folder: Path):
    write_decoded(folder / "decoded", [said(one.key, "") for one in HEARD])
    with pytest.raises(InputError, match=r"hyp\.text: nothing was heard in any of 5 utterances"):
        make(folder)


def test_a_folder_cut_in_half_is_refused(folder: Path):
    write_decoded(folder / "decoded", HEARD[:2])
    with pytest.raises(InputError, match=r"lacks 3 utterances of .*data: b-1 b-2 c-1: decode"):
        make(folder)
    write_decoded(folder / "decoded", [*HEARD, said("d-1", "the")])
    with pytest.raises(InputError, match=r"has 1 utterances that .*data has not: d-1: decode"):
        make(folder)
    write_decoded(folder / "decoded", HEARD)
    ctm = folder / "decoded" / "words.ctm"
    ctm.write_text("".join(ctm.read_text().splitlines(keepends=True)[:3]))
    with pytest.raises(InputError, match=r"words\.ctm: b-1: words \[noise\], hyp\.text has"):
        make(folder)
    ctm.write_text(ctm.read_text()[:-20])
    with pytest.raises(InputError, match=r"words\.ctm:3: not `utterance channel start"):
        make(folder)
    assert not (folder / "out").exists()
