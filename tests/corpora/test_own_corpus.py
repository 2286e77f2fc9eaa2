"""Anyone's own corpus by a manifest alone: tables, Kaldi directories, splits, scores, classes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from pyscorer.contract.audio import read_audio
from pyscorer.contract.classes import read_classes, read_response_labels
from pyscorer.contract.datadir import read_data_dir, read_labels
from pyscorer.contract.files import read_table
from pyscorer.contract.scales import read_scales
from pyscorer.corpora.download import DownloadOptions, download
from pyscorer.corpora.prepare import PrepareOptions, prepare
from pyscorer.corpora.validate import ValidateOptions, validate
from pyscorer.errors import InputError

TABLE = """file,who,set,said,asked,flu,ok,years,sex
a/one.wav,Ann,train,The dog ran.,Say it,4,yes,12,f
a/two.wav,Ann,train,It's a dog!,Say it,,no,12,f
b/one b.wav,Bob,test,the dog,Say that,2.5,,40,male
"""
MANIFEST: dict[str, Any] = {
    "name": "mine",
    "table": "my.csv",
    "columns": {
        **{"audio": "file", "speaker": "who", "split": "set", "text": "said", "prompt": "asked"},
        **{"age": "years", "gender": "sex"},
    },
    "splits": {"train": {}, "test": {}},
    "scores": {"fluency": {"column": "flu", "range": [1, 5]}},
    "classes": {"kind": "accepted", "column": "ok", "accepted": ["yes"], "rejected": ["no"]},
    "child_below": 13,
}


def tone(path: Path, rate: int = 16000, channels: int = 1, seconds: float = 1.0) -> None:
    """A tone, an octave higher in each channel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(int(rate * seconds)) / rate
    tones = [0.3 * np.sin(2 * np.pi * 200 * 2**c * times) for c in range(channels)]
    soundfile.write(path, np.stack(tones, axis=1), rate)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "my.csv").write_text(TABLE)
    for name in ("a/one.wav", "a/two.wav", "b/one b.wav"):
        tone(tmp_path / name)
    return tmp_path


def prepared(folder: Path, split: str = "train", **changes: Any) -> Path:
    """The data directory of a split by MANIFEST with `changes`; None takes a key away."""
    content = {key: value for key, value in (MANIFEST | changes).items() if value is not None}
    (folder / "mine.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    out = folder / "out" / split
    prepare("mine", split, out, PrepareOptions(manifests=folder), folder / "none")
    return out


def validated(data: Path, **options: bool) -> Path:
    out = data.parent / "valid"
    report = data.parent / "faults.csv"
    validate(data, data / "lexicon.txt", out, report, ValidateOptions(**options))
    return out


def test_a_table_becomes_a_data_directory(folder, capsys):
    out = prepared(folder)
    data = read_data_dir(out)
    assert list(data.utterances) == ["one", "two"]
    one, two = data.utterances.values()
    assert one.words == ("THE", "DOG", "RAN") and two.words == ("IT'S", "A", "DOG")
    assert (one.speaker, one.prompt, one.audio) == ("Ann", "Say it", folder / "a/one.wav")
    assert data.speakers == {"Ann": {"age": "12", "gender": "f"}}
    assert read_data_dir(prepared(folder, "test")).speakers == {"Bob": {"age": "40", "gender": "m"}}
    assert "took 1 of 1 utterances" in capsys.readouterr().out


def test_aspects_ranges_and_age_limit_are_those_of_the_manifest(folder, capsys):
    out = prepared(folder)
    scales = read_scales(out)
    assert scales.utterance == {"fluency": (1, 5)} and scales.word == scales.phone == {}
    assert scales.child_below == 13
    table = (out / "utterance_scores.csv").read_text()
    assert table == "utterance,fluency\none,4.0\ntwo,\n"
    said = capsys.readouterr().out
    assert "utterance fluency: 4 to 4, mean 4, on a scale of 1 to 5" in said
    assert "utterance fluency: 1 of 2 without a score" in said


def test_judgements_keep_what_nobody_judged_apart(folder):
    train, test = prepared(folder), prepared(folder, "test")
    classes = read_classes(train)
    assert classes.kind == "accepted"
    assert read_response_labels(train, classes) == {"one": 0, "two": 1}
    assert read_response_labels(test, classes) == {}


@pytest.mark.parametrize(
    ("classes", "table", "found"),
    [
        (
            {"kind": "language_meaning", "language": "l", "meaning": "m"}
            | {"correct": ["1"], "incorrect": ["0"]},
            "file,l,m\na/one.wav,1,0\na/two.wav,0,0\n",
            {"one": 1, "two": 3},
        ),
        (
            {"kind": "levels", "column": "cefr", "levels": ["A1", "A2", "B1"]},
            "file,cefr\na/one.wav,B1\na/two.wav,A1\n",
            {"one": 2, "two": 0},
        ),
        (
            {"kind": "levels", "column": "grade", "levels": [1, 2, 3]},
            "file,grade\na/one.wav,3\na/two.wav,2\n",
            {"one": 2, "two": 1},
        ),
    ],
)
def test_every_kind_of_class(folder, classes, table, found):
    header, *rows = table.splitlines()
    (folder / "my.csv").write_text("\n".join([f"{header},t", *(f"{row},x" for row in rows)]))
    out = prepared(
        *(folder,),
        columns={"audio": "file", "text": "t"},
        **{"scores": None, "classes": classes, "splits": {"train": {}}},
    )
    assert read_response_labels(out, read_classes(out)) == found


def test_a_score_decides_what_is_accepted_and_what_has_none_is_not_judged(folder):
    rule = {"kind": "accepted", "score": "fluency", "at_least": 4}
    out = prepared(folder, classes=rule)
    assert read_response_labels(out, read_classes(out)) == {"one": 0}
    with pytest.raises(InputError, match="no utterance score total; the corpus has fluency"):
        prepared(folder, classes=rule | {"score": "total"})


def test_prompts_need_no_text(folder):
    out = prepared(folder, columns={k: v for k, v in MANIFEST["columns"].items() if k != "text"})
    assert not (out / "text").exists()
    data = read_data_dir(validated(out))
    assert [(u.words, u.prompt) for u in data.utterances.values()] == [((), "Say it")] * 2
    assert read_table(out / "lexicon.txt").keys() == {"SAY", "IT", "THAT"}


def test_validate_copies_all_and_drops_rows_of_what_is_faulty(folder):
    (folder / "a/two.wav").write_bytes(b"RIFF, or so it says")
    out = prepared(folder)
    with pytest.raises(InputError, match=rf"wav.scp:2: two: unreadable.*\({folder}/my.csv:3\)"):
        validated(out)
    valid = validated(out, drop_faulty=True)
    assert read_table(valid / "prompts") == {"one": "Say it"}
    assert read_response_labels(valid, read_classes(valid)) == {"one": 0}
    assert read_scales(valid) == read_scales(out)


def test_texts_that_cannot_be_read_are_named_by_row(folder):
    (folder / "my.csv").write_text(TABLE.replace("The dog ran.", "The dog 🙂 ran"))
    with pytest.raises(InputError, match=r"text:1: one: .*my.csv:2\)"):
        validated(prepared(folder))


def test_faults_of_judgements_are_named_by_line(folder):
    out = prepared(folder)
    (out / "response_labels.csv").write_text(
        "utterance,class\none,maybe\none,accepted\nx,rejected\n"
    )
    with pytest.raises(InputError) as error:
        validated(out)
    for said in (
        "csv:2: one: class maybe",
        "csv:3: one: judged already",
        "csv:4: x: judgement wit",
    ):
        assert said in str(error.value)
    (out / "classes.json").write_text('{"kind": "accepted", "names": ["a", "b"]}')
    with pytest.raises(InputError, match=r"classes.json: the classes of accepted are"):
        validated(out)


# Splits


@pytest.fixture
def speakers(tmp_path: Path) -> Path:
    """Ten speakers of two utterances, without a column for the split."""
    rows = [f"{s}{u}.wav,s{s},go,{1 + s % 5}" for s in range(10) for u in "ab"]
    (tmp_path / "my.csv").write_text("\n".join(["file,who,said,flu", *rows]))
    return tmp_path


PLAIN = {
    "columns": {"audio": "file", "speaker": "who", "text": "said"},
    "classes": None,
}


def split_speakers(folder: Path, splits: dict[str, Any], **changes: Any) -> dict[str, set[str]]:
    outs = {name: prepared(folder, name, splits=splits, **PLAIN, **changes) for name in splits}
    return {name: set(read_table(out / "spk2utt")) for name, out in outs.items()}


def test_splits_by_shares_of_speakers_are_apart_and_follow_the_seed(speakers):
    rule = {"train": {"speakers": 0.6}, "dev": {"speakers": 0.2}, "test": {"speakers": "rest"}}
    found = split_speakers(speakers, rule)
    assert {name: len(who) for name, who in found.items()} == {"train": 6, "dev": 2, "test": 2}
    assert len(set().union(*found.values())) == 10
    assert split_speakers(speakers, rule) == found
    assert any(split_speakers(speakers, rule, seed=seed) != found for seed in (1, 2, 3))


def test_to_edit_a_score_moves_no_speaker(speakers):
    rule = {"train": {"speakers": 0.6}, "test": {"speakers": "rest"}}
    found = split_speakers(speakers, rule)
    table = (speakers / "my.csv").read_text()
    (speakers / "my.csv").write_text(table.replace(",1\n", ",5\n").replace(",2\n", ",1\n"))
    assert split_speakers(speakers, rule) == found


def test_splits_by_lists_of_speakers(speakers):
    (speakers / "test.txt").write_text("s1\ns2\n")
    rule = {
        "test": {"list": "test.txt"},
        "dev": {"speakers": ["s3"]},
        "train": {"speakers": "rest"},
    }
    found = split_speakers(speakers, rule)
    assert found["test"] == {"s1", "s2"} and found["dev"] == {"s3"} and len(found["train"]) == 7
    with pytest.raises(InputError, match=r"splits: dev: there is no speaker s33"):
        split_speakers(speakers, rule | {"dev": {"speakers": ["s33"]}})


def test_a_speaker_in_two_splits_is_an_error_unless_allowed(speakers):
    rule = {"train": {"speakers": ["s1", "s2", "s3"]}, "test": {"speakers": ["s2", "s3"]}}
    with pytest.raises(InputError, match="speakers in train and in test: s2, s3"):
        split_speakers(speakers, rule)
    found = split_speakers(speakers, rule, allow_speakers_in_both=True)
    assert found["test"] == {"s2", "s3"}


def test_splits_take_values_of_their_column(folder):
    rows = TABLE.replace("test", "dev")
    (folder / "my.csv").write_text(rows)
    out = prepared(folder, "all", splits={"all": {"from": ["train", "dev"]}})
    assert set(read_table(out / "utt2spk")) == {"one", "two", "one_b"}
    with pytest.raises(InputError, match="test: from test: there are dev, train"):
        prepared(folder)


def test_rules_on_a_published_corpus(corpora, tmp_path):
    options = PrepareOptions()
    who = {}
    for split in ("acoustic", "train", "test"):
        prepare("speechocean762_acceptance", split, tmp_path / split, options, corpora)
        data = read_data_dir(tmp_path / split)
        who[split] = {u.speaker for u in data.utterances.values()}
        assert all(u.prompt == " ".join(u.words) for u in data.utterances.values())
        totals = read_labels(tmp_path / split, "utterance").set_index("utterance")["total"]
        labels = read_response_labels(tmp_path / split, read_classes(tmp_path / split))
        assert labels == {key: int(total < 8) for key, total in totals.items()}
    assert {name: len(found) for name, found in who.items()} == {
        **{"acoustic": 50, "train": 75, "test": 125}
    }
    assert not who["acoustic"] & who["train"]


# Audio


def test_audio_of_another_rate_is_copied_at_16_khz(folder):
    tone(folder / "a/one.wav", rate=44100)
    out = prepared(folder)
    audio = read_table(out / "wav.scp")
    assert audio["one"] == str(out / "audio/one.flac") and audio["two"] == str(folder / "a/two.wav")
    samples = read_audio(Path(audio["one"]))
    assert len(samples) == 16000
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum.argmax() == 200
    validated(out)


def test_channels_and_stretches_of_a_recording(folder):
    tone(folder / "both.wav", rate=8000, channels=2, seconds=3)
    (folder / "my.csv").write_text(
        "file,from,to,ch,who,said\nboth.wav,0,1,1,Ann,go\nboth.wav,1,2.5,2,Bob,go\n"
    )
    columns = {"audio": "file", "start": "from", "end": "to", "channel": "ch"}
    out = prepared(
        folder,
        columns=columns | {"speaker": "who", "text": "said"},
        **{"scores": None, "classes": None, "splits": {"train": {}}},
    )
    data = read_data_dir(validated(out))
    assert list(data.utterances) == ["both-0000000-0000100-ch1", "both-0000100-0000250-ch2"]
    for (key, u), wanted in zip(data.utterances.items(), (200, 400), strict=True):
        samples = read_audio(u.audio, span=u.times)
        peak = np.abs(np.fft.rfft(samples)).argmax() * 16000 / len(samples)
        assert peak == pytest.approx(wanted, abs=2), key


# Kaldi's directories


def kaldi(folder: Path, name: str, speaker: str, keys: list[str]) -> None:
    data = folder / name
    data.mkdir(parents=True)
    (data / "wav.scp").write_text("".join(f"{k} wav/{k}.wav\n" for k in keys))
    (data / "utt2spk").write_text("".join(f"{k} {speaker}\n" for k in keys))
    (data / "text").write_text("".join(f"{k} go home\n" for k in keys))
    for key in keys:
        tone(folder / "wav" / f"{key}.wav")


def test_kaldi_directories_with_a_table_of_scores(tmp_path):
    kaldi(tmp_path, "kaldi/train", "a", ["a1", "a2"])
    kaldi(tmp_path, "kaldi/test", "b", ["b1"])
    (tmp_path / "scores.tsv").write_text("utterance\tflu\na2\t4\na1\t3\nb1\t5\n")
    changes: dict[str, Any] = {
        "data": {"train": "kaldi/train", "test": "kaldi/test"},
        **{"table": "scores.tsv", "columns": None, "classes": None},
    }
    changes["columns"] = {"utterance": "utterance"}
    out = prepared(tmp_path, **changes)
    assert read_table(out / "text") == {"a1": "GO HOME", "a2": "GO HOME"}
    assert read_table(out / "wav.scp")["a1"] == str(tmp_path / "wav/a1.wav")
    assert (out / "utterance_scores.csv").read_text() == "utterance,fluency\na2,4\na1,3\n"
    validated(out)
    (tmp_path / "scores.tsv").write_text("utterance\tflu\na2\t4\na1\t3\nb9\t5\n")
    with pytest.raises(InputError, match="tsv:4: utterance b9 is in no data directory"):
        prepared(tmp_path, **changes)
    (tmp_path / "scores.tsv").write_text("utterance\tflu\na2\t4\na1\t3\n")
    with pytest.raises(InputError, match="lacks utterance b1 of the data directory"):
        prepared(tmp_path, **changes)


def test_one_kaldi_directory_with_a_rule(tmp_path):
    for speaker in "abcd":
        kaldi(tmp_path, speaker, speaker, [f"{speaker}1", f"{speaker}2"])
    whole = tmp_path / "all"
    whole.mkdir()
    for name in ("wav.scp", "utt2spk", "text"):
        lines = "".join((tmp_path / speaker / name).read_text() for speaker in "abcd")
        (whole / name).write_text(lines)
    splits = {"train": {"speakers": 0.75}, "test": {"speakers": "rest"}}
    changes = {"data": "all", "table": None, "columns": None, "scores": None, "classes": None}
    outs = [prepared(tmp_path, name, splits=splits, **changes) for name in splits]
    train, test = (read_table(out / "spk2utt") for out in outs)
    assert len(train) == 3 and len(test) == 1 and not train.keys() & test.keys()
    assert not (outs[0] / "utterance_scores.csv").exists() and not (outs[0] / "rows").exists()
    validated(outs[0])


def test_commands_of_a_kaldi_directory_are_left_to_validate(tmp_path):
    kaldi(tmp_path, "train", "a", ["a1"])
    (tmp_path / "train/wav.scp").write_text(f"a1 cat {tmp_path}/wav/a1.wav |\n")
    changes = {"data": "train", "table": None, "columns": None, "scores": None, "classes": None}
    out = prepared(tmp_path, splits={"train": {}}, **changes)
    with pytest.raises(InputError, match="a command, not a file"):
        validated(out)
    assert read_table(validated(out, allow_commands=True) / "wav.scp")["a1"].endswith(".flac")


def test_a_lexicon_of_ones_own_spells_the_texts(folder):
    (folder / "words.txt").write_text("The dh ah0\nThe DH IY0\ndog D AO1 G\nran R AE1 N\n")
    out = prepared(folder, "test", lexicon="words.txt")
    assert read_table(out / "text") == {"one_b": "The dog"}
    assert (out / "lexicon.txt").read_text().splitlines()[:2] == ["The DH AH", "The DH IY"]
    with pytest.raises(InputError, match=r"text:2: two: word It's is not in the lexicon \(.*csv:3"):
        validated(prepared(folder, lexicon="words.txt"))


# Words, phones, raters


def test_scores_of_words_phones_and_raters(folder):
    (folder / "words.csv").write_text("utterance,word,acc\none,the,1\none,dog,3\none,ran,2\n")
    (folder / "phones.csv").write_text(
        "utterance,w,p,phone,right\none,1,1,DH,1\none,1,2,ah0,0\none,2,1,D,1\none,2,2,AO1,\n"
        "one,2,3,G,1\none,3,1,R,1\none,3,2,AE1,1\none,3,3,N,1\n"
    )
    (folder / "raters.csv").write_text("utterance,rater,flu\none,x,4\none,y,5\ntwo,x,1\ntwo,y,\n")
    changes = {
        "words": {"table": "words.csv", "scores": {"accuracy": {"column": "acc", "range": [1, 3]}}},
        "phones": {
            **{"table": "phones.csv", "first_index": 1},
            "columns": {"word_index": "w", "phone_index": "p"},
            "scores": {"right": {"column": "right", "range": [0, 1]}},
        },
        "raters": {"table": "raters.csv", "columns": {"fluency": "flu"}},
    }
    out = prepared(folder, **changes)
    words = (out / "word_scores.csv").read_text().splitlines()
    assert words == [
        *("utterance,word_index,word,accuracy", "one,0,THE,1.0", "one,1,DOG,3.0", "one,2,RAN,2.0"),
        *("two,0,IT'S,", "two,1,A,", "two,2,DOG,"),
    ]
    validated(out)
    phones = (out / "phone_scores.csv").read_text().splitlines()
    assert phones[:5] == [
        "utterance,word_index,phone_index,phone,right",
        *("one,0,0,DH,1.0", "one,0,1,AH,0.0", "one,1,0,D,1.0", "one,1,1,AO,"),
    ]
    assert read_data_dir(out).utterances["one"].canonical == (
        *(("DH", "AH"), ("D", "AO", "G"), ("R", "AE", "N")),
    )
    assert (out / "rater_scores.csv").read_text().splitlines()[1:3] == ["one,x,4.0", "one,y,5.0"]
    assert read_scales(out).phone == {"right": (0, 1)}


# What is refused


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("file,who", "path,who", r"my.csv: no column file; it has path, who"),
        (",ok,", ",okay,", r"my.csv: no column ok; it has"),
        ("a/two.wav", "c/one.wav", r"my.csv:3: utterance one stands already in line 2"),
        ("4,yes", "6,yes", r"my.csv:2: score fluency 6 is out of range 1..5"),
        ("4,yes", "n/a,yes", r"my.csv:2: score fluency is 'n/a', not a number"),
        ("4,yes", "4,maybe", r"my.csv:2: ok is 'maybe', not one of: yes, no"),
        ("Say it,,no,12", "Say it,,no,13", r"my.csv:3: age of Ann is 13, 12 in line 2"),
        ("12,f", "12,x y", r"my.csv:2: gender is 'x y': m, f, another word, or an empty cell"),
        ("a/one.wav,Ann", ",Ann", r"my.csv:2: no audio"),
        ("a/one.wav,Ann", "a/one.wav,", r"my.csv:2: no speaker"),
        ("ran.,Say it", "ran.,", r"my.csv:2: no prompt"),
    ],
)
def test_a_table_that_is_wrong_is_named_by_line(folder, old, new, message):
    assert old in TABLE
    (folder / "my.csv").write_text(TABLE.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        prepared(folder)
    assert not (folder / "out" / "train").exists()


def test_all_lines_that_are_wrong_are_named_at_once(folder):
    (folder / "my.csv").write_text(TABLE.replace("4,yes", "9,ja").replace("2.5", "0"))
    with pytest.raises(InputError) as error:
        prepared(folder)
    assert "my.csv: 3 faults" in str(error.value)
    assert "my.csv:4: score fluency 0 is out of range" in str(error.value)


def test_there_is_nothing_to_download(folder, capsys):
    prepared(folder)
    download("mine", folder / "x", DownloadOptions(manifests=folder))
    assert "nothing to fetch" in capsys.readouterr().out
    (folder / "my.csv").unlink()
    with pytest.raises(InputError, match=r"my.csv: no such file; manifest .*mine.yaml names it"):
        download("mine", folder / "x", DownloadOptions(manifests=folder))
    with pytest.raises(InputError, match=r"my.csv: no such file"):
        prepared(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"table": None, "columns": None}, "what is it\\? `reader`, or `table` with `columns`"),
        ({"labels": {}}, r"\['labels'\]: an own corpus has no such key"),
        ({"scores": {"flu": {"column": "flu", "range": [5, 1]}}}, "flu: 5 to 1 is no range"),
        ({"overall": "total"}, "overall_aspect total is no utterance aspect"),
        ({"classes": {"kind": "accepted", "column": "ok"}}, "'accepted' is a required property"),
        (
            {"classes": MANIFEST["classes"] | {"rejected": ["yes"]}},
            "classes: yes stands for two things",
        ),
        ({"columns": {"speaker": "who"}}, "columns: audio is needed, or data"),
    ],
)
def test_a_manifest_that_is_wrong_is_named_by_key(folder, changes, message):
    with pytest.raises(InputError, match=message):
        prepared(folder, **changes)
