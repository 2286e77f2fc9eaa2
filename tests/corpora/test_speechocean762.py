"""The reader of speechocean762, on a miniature of the release and on the real corpus."""

import json
import math
from pathlib import Path

import pytest

from pyscorer.corpora.speechocean762 import read
from pyscorer.errors import InputError

SCORES = {
    "000010011": {
        "text": "WE CALL", "accuracy": 8, "completeness": 10.0, "fluency": 9, "prosodic": 9,
        "total": 7,
        "words": [
            {"text": "WE", "accuracy": 10, "stress": 10, "total": 10, "phones": ["W", "IY0"],
             "phones-accuracy": [2.0, 1.8]},
            {"text": "CALL", "accuracy": 6, "stress": 5, "total": 6, "phones": ["K", "AO0", "L"],
             "phones-accuracy": None},
        ],
    }
}  # fmt: skip
RATERS = {
    "000010011": {
        "total": [7.6, 9.0], "accuracy": [7, 9], "completeness": [1.0, 0.75], "fluency": [10, 9],
        "prosodic": [10, 9],
    }
}  # fmt: skip


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """The release's layout: WAVE/SPEAKERnnnn/utterance.WAV, tab-separated tables."""
    files = {
        "train/text": "000010011\tWE CALL\n",
        "train/wav.scp": "000010011\tWAVE/SPEAKER0001/000010011.WAV\n",
        "train/utt2spk": "000010011 0001\n",
        "train/spk2utt": "0001 000010011\n",
        "train/spk2age": "0001\t6\n",
        "train/spk2gender": "0001\tm\n",
        "resource/lexicon.txt": "CALL\tK AO1 L\nWE\tW IY0\nWE\tW IY1\nWE\tW IH0\n",
        "resource/text-phone": "000010011.0\tW_B IY0_E\n000010011.1\tK_B AO0_I L_E\n",
        "resource/scores.json": json.dumps(SCORES),
        "resource/raters.json": json.dumps(RATERS),
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def test_release_layout(release):
    part = read(release, "train")
    (utterance,) = part.data.utterances.values()
    assert utterance.audio == release / "WAVE/SPEAKER0001/000010011.WAV"
    assert utterance.words == ("WE", "CALL")
    assert utterance.canonical == (("W", "IY"), ("K", "AO", "L"))
    assert part.data.speakers == {"0001": {"age": "6", "gender": "m"}}
    assert part.lexicon["WE"] == [("W", "IY"), ("W", "IH")]
    assert part.stresses["WE"] == [("W", "IY0"), ("W", "IY1"), ("W", "IH0")]


def test_labels_follow_scores_json_and_a_null_masks_every_phone_of_the_word(release):
    labels = read(release, "train").labels
    assert labels["utterance"].to_dict("records") == [
        {"utterance": "000010011", "accuracy": 8, "completeness": 10.0, "fluency": 9,
         "prosodic": 9, "total": 7}
    ]  # fmt: skip
    assert labels["word"][["word", "accuracy", "stress", "total"]].to_numpy().tolist() == [
        ["WE", 10, 10, 10],
        ["CALL", 6, 5, 6],
    ]
    phones = labels["phone"]
    assert phones["phone"].tolist() == ["W", "IY", "K", "AO", "L"]
    assert phones["accuracy"].tolist()[:2] == [2.0, 1.8]
    assert all(math.isnan(a) for a in phones["accuracy"].tolist()[2:])


def test_raters_completeness_is_put_on_the_scale_of_the_others(release):
    raters = read(release, "train").labels["rater"]
    assert raters["rater"].tolist() == [0, 1]
    assert raters["completeness"].tolist() == [10.0, 7.5]


def test_raters_are_optional(release):
    (release / "resource/raters.json").unlink()
    assert "rater" not in read(release, "train").labels


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train/wav.scp", "", "wav.scp: lacks utterance 000010011"),
        ("train/text", "", "text: lacks utterance 000010011"),
        ("train/text", "000010011 WE\n", "text-phone: 000010011: phones of 2 words, .* has 1"),
        ("resource/text-phone", "000010011.0 W\n000010011.2 K\n", "have gaps"),
        ("resource/scores.json", "{}", "scores.json: lacks utterance 000010011"),
        ("resource/scores.json", '{"000010011": {"te', "scores.json: not JSON, or cut short"),
        ("resource/raters.json", "{}", "raters.json: lacks utterance 000010011"),
        ("resource/lexicon.txt", "WE W QQ\n", "lexicon.txt:1: WE: unknown phone QQ"),
    ],
)
def test_inconsistent_files_are_named(release, name, content, message):
    (release / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read(release, "train")


def test_words_of_the_scores_must_be_those_of_the_text(release):
    (release / "train/text").write_text("000010011 WE FALL\n")
    with pytest.raises(InputError, match="000010011: words differ"):
        read(release, "train")


def test_split_is_checked(release):
    with pytest.raises(InputError, match="train and test, not dev"):
        read(release, "dev")


def test_the_real_corpus_has_its_published_size(corpora):
    parts = {split: read(corpora / "speechocean762", split) for split in ("train", "test")}
    words = void = 0
    for part in parts.values():
        assert len(part.data.utterances) == 2500
        assert len({u.speaker for u in part.data.utterances.values()}) == 125
        assert len(part.labels["rater"]) == 5 * 2500
        words += len(part.labels["word"])
        by_word = part.labels["phone"].groupby(["utterance", "word_index"])["accuracy"]
        void += int((by_word.count() == 0).sum())
        assert all(u.audio.exists() for u in list(part.data.utterances.values())[::50])
        lexicon_words = set(part.lexicon)
        assert all(w in lexicon_words for u in part.data.utterances.values() for w in u.words)
    assert (words, void) == (31816, 0)  # the final release scores every phone
    speakers = [{u.speaker for u in p.data.utterances.values()} for p in parts.values()]
    assert not speakers[0] & speakers[1]


def rescored(release: Path, change) -> dict:
    scores = json.loads(json.dumps(SCORES))
    change(scores["000010011"])
    (release / "resource/scores.json").write_text(json.dumps(scores))
    return read(release, "train").labels


def test_levels_that_nobody_scored_are_masked(release):
    labels = rescored(release, lambda entry: entry.pop("words"))
    assert len(labels["word"]) == 2 and labels["word"][["accuracy", "stress"]].isna().all(axis=None)
    assert len(labels["phone"]) == 5 and labels["phone"]["accuracy"].isna().all()
    labels = rescored(release, lambda e: [w.pop("stress") for w in e["words"]] + [e.pop("fluency")])
    assert labels["word"]["stress"].isna().all() and labels["word"]["total"].notna().all()
    assert labels["utterance"]["fluency"].isna().all()
    labels = rescored(release, lambda e: [w.pop("phones-accuracy") for w in e["words"]])
    assert labels["phone"]["accuracy"].isna().all()


def test_numbers_as_text_are_numbers(release):
    labels = rescored(release, lambda entry: entry.update(total="7,5", fluency=None))
    assert labels["utterance"]["total"][0] == 7.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e.update(total=[7]), r"total is \[7\], not a number"),
        (lambda e: e.update(total=True), "total is True, not a number"),
        (lambda e: e.update(total=float("nan")), "total nan is out of range"),
        (lambda e: e.update(total=70), "total 70 is out of range 0..10"),
        (lambda e: e.update(words={"WE": 1}), "words: not a list of objects"),
        (lambda e: e["words"].pop(), "words differ from those in text"),
        (lambda e: e["words"][0].update(text=["WE"]), "words differ from those in text"),
        (lambda e: e["words"][1].update(total="good"), r"word 1 \(CALL\): total is 'good', not a"),
        (lambda e: e["words"][0].update({"phones-accuracy": [2, 3]}), r"3 is out of range 0..2"),
        (lambda e: e["words"][0].update({"phones-accuracy": 2}), "not a list of numbers"),
    ],
)
def test_scores_of_wrong_kinds_are_named(release, change, message):
    with pytest.raises(InputError, match=rf"scores\.json: 000010011: .*{message}"):
        rescored(release, change)


def test_blank_lines_in_the_lexicon_and_speakers_of_whom_nothing_is_known(release):
    path = release / "resource/lexicon.txt"
    path.write_text(path.read_text() + "\n\n")
    (release / "train/spk2age").unlink()
    part = read(release, "train")
    assert set(part.lexicon) == {"WE", "CALL"} and part.data.speakers == {"0001": {"gender": "m"}}


def test_texts_are_read_as_the_lexicon_spells_them(release):
    (release / "train/text").write_text("000010011 we, cal\u00adl!\n")
    part = read(release, "train")
    assert part.data.utterances["000010011"].words == ("WE", "CALL")
    assert part.labels["word"]["word"].tolist() == ["WE", "CALL"]


def test_a_text_that_cannot_be_read_in_one_way_is_named(release):
    (release / "train/text").write_text("000010011 WE 24/7\n")
    with pytest.raises(InputError, match=r'text: 000010011: "24/7": .* write it as it was said'):
        read(release, "train")
