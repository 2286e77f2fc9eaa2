"""The reader of L2-ARCTIC, on a miniature of its layout, and its way through the door of all."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pyscorer.contract.datadir import read_data_dir
from pyscorer.contract.files import read_table
from pyscorer.contract.scales import read_scales
from pyscorer.corpora.l2arctic import SpokenPhone, read, read_label
from pyscorer.corpora.manifests import load_manifest
from pyscorer.corpora.prepare import PrepareOptions, prepare
from pyscorer.errors import InputError

# "Go on, Dan": G said as K, an added AH behind the N of ON, the D of DAN left out.
PHONES = "sil G,K,s OW1 sil AA1 N sil,AH,a D,sil,d AE1 N*,N,s"
WORDS = [("", 1), ("go", 2), ("", 1), ("on", 3), ("dan", 3)]


def tier(name: str, labels: list[tuple[str, int]], end: int) -> str:
    lines, at = [], 0
    for label, length in labels:
        lines.append(f'{at / 10}\n{(at + length) / 10}\n"{label}"')
        at += length
    body = "\n".join(lines)
    return f'"IntervalTier"\n"{name}"\n0\n{end / 10}\n{len(labels)}\n{body}'


def grid(path: Path, phones: str = PHONES, words: list[tuple[str, int]] = WORDS) -> None:
    labels = [(label, 1) for label in phones.split(" ")]
    end = len(labels)
    path.parent.mkdir(parents=True, exist_ok=True)
    head = f'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n{end / 10}\n<exists>\n2\n'
    path.write_text(head + tier("words", words, end) + "\n" + tier("phones", labels, end) + "\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for speaker in ("ABA", "NJS"):
        folder = tmp_path / "l2arctic" / speaker
        for name in ("arctic_a0001", "arctic_a0002"):
            (folder / "transcript").mkdir(parents=True, exist_ok=True)
            (folder / "transcript" / f"{name}.txt").write_text("Go on, Dan.\n")
            (folder / "wav").mkdir(exist_ok=True)
            tone = 0.3 * np.sin(np.arange(44100) / 20)
            soundfile.write(folder / "wav" / f"{name}.wav", tone, 44100)
    grid(tmp_path / "l2arctic/ABA/annotation/arctic_a0001.TextGrid")
    aligned = "sil G OW1 sil AA1 N N D AE1 N"
    grid(tmp_path / "l2arctic/ABA/textgrid/arctic_a0002.TextGrid", aligned)
    return tmp_path


def test_annotated_phones_are_right_or_wrong(root):
    part = read(root / "l2arctic", "all")
    table = part.labels["phone"]
    assert set(table["utterance"]) == {"ABA_arctic_a0001"}
    rows = list(table[["word_index", "phone_index", "phone", "accuracy", "said"]].itertuples(index=False, name=None))  # fmt: skip  # noqa: E501
    assert rows == [
        *[
            (0, 0, "G", 0, "K"),
            (0, 1, "OW", 1, "OW"),
            (1, 0, "AA", 1, "AA"),
            (1, 1, "N", 1, "N AH"),
        ],
        *[(2, 0, "D", 0, ""), (2, 1, "AE", 1, "AE"), (2, 2, "N", 0, "N")],
    ]


def test_utterances_of_all_speakers_are_there_annotated_or_not(root):
    part = read(root / "l2arctic", "all")
    assert list(part.data.utterances) == [
        f"{s}_arctic_a000{i}" for s in ("ABA", "NJS") for i in (1, 2)
    ]
    one = part.data.utterances["ABA_arctic_a0001"]
    assert one.words == ("GO", "ON", "DAN") and one.speaker == "ABA"
    assert one.canonical == (("G", "OW"), ("AA", "N"), ("D", "AE", "N"))
    assert part.data.utterances["ABA_arctic_a0002"].canonical == (
        *(("G", "OW"), ("AA", "N", "N"), ("D", "AE", "N")),
    )
    assert part.data.utterances["NJS_arctic_a0001"].canonical is None
    assert part.data.speakers == {"ABA": {"gender": "m"}, "NJS": {"gender": "f"}}
    assert part.lexicon["ON"] == [("AA", "N"), ("AA", "N", "N")]


@pytest.mark.parametrize(
    ("label", "phone"),
    [
        ("AH0", SpokenPhone("AH", ("AH",), True)),
        ("sil", None),
        (" DH , D , s ", SpokenPhone("DH", ("D",), False)),
        ("Z,err,s", SpokenPhone("Z", ("ERR",), False)),
        ("T,sil,d", SpokenPhone("T", (), False)),
        ("sil,AX,a", SpokenPhone("", ("AX",), False)),
    ],
)
def test_labels_of_the_phone_tier(label, phone):
    assert read_label(label) == phone


@pytest.mark.parametrize("label", ["XX", "AH,AA", "AH,AA,q", "AH,AA,s,d", "sil,sil,a", "sil,AA,s"])
def test_labels_that_say_nothing(label):
    with pytest.raises(InputError, match="is neither a phone nor CPL,PPL,s, d or a"):
        read_label(label)


def test_an_annotation_that_cannot_be_read_is_named_and_left_out(root, caplog):
    place = root / "l2arctic/ABA/annotation/arctic_a0001.TextGrid"
    grid(place, PHONES.replace("G,K,s", "G,K,x"))
    assert read(root / "l2arctic", "all").labels["phone"].empty
    assert f"{place}: at 0.10 s: label 'G,K,x' is neither" in caplog.text
    grid(place, words=[("", 1), ("go", 2), ("", 1), ("off", 3), ("dan", 3)])
    read(root / "l2arctic", "all")
    assert "its words are go off dan, the transcript's GO ON DAN" in caplog.text
    place.write_text("no TextGrid")
    read(root / "l2arctic", "all")
    assert "not readable as a TextGrid" in caplog.text


def test_it_goes_through_the_same_door(root):
    """Splits by speakers, audio at 16 kHz, scores on the scale of the manifest."""
    for split, speaker in (("train", "ABA"), ("test", "NJS")):
        own = load_manifest("l2arctic").splits[split]
        assert own.by_rule
        (root / "mine.yaml").write_text(
            "name: mine\nbase: l2arctic\nsplits:\n  train: {from: all, speakers: rest}\n"
            "  test: {from: all, speakers: [NJS]}\n"
        )
        out = root / split
        prepare("mine", split, out, PrepareOptions(manifests=root), root)
        data = read_data_dir(out)
        assert {u.speaker for u in data.utterances.values()} == {speaker}
        assert all(p.startswith(f"{out}/audio/") for p in read_table(out / "wav.scp").values())
        assert soundfile.info(str(next(iter(data.utterances.values())).audio)).samplerate == 16000
    scales = read_scales(root / "train")
    assert scales.phone == {"accuracy": (0, 1)} and scales.utterance == {}


def test_the_splits_of_the_manifest_know_all_speakers(root):
    with pytest.raises(InputError, match="test: there is no speaker TLV, TNI, TXHC, YKWK, ZHAA"):
        prepare("l2arctic", "train", root / "out", PrepareOptions(), root)


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no speaker/transcript/\*.txt below it"):
        read(tmp_path, "all")
    with pytest.raises(InputError, match="one part, all, not train"):
        read(tmp_path, "train")
