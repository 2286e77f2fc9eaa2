from pathlib import Path

import kaldi_io
import numpy as np
import pytest
import soundfile

from pyscorer.alignment.viterbi import viterbi
from pyscorer.contract.audio import read_audio
from pyscorer.contract.files import read_table
from pyscorer.errors import InputError
from pyscorer.kaldi.import_kaldi_gmm import KaldiGraphs, read_kaldi_gmm, read_kaldi_topology
from pyscorer.kaldi.lang import kaldi_lang

UTTERANCES = ("000030012", "009810029", "015010004", "029370015", "081530002")


@pytest.fixture(scope="module")
def lang(conformance: Path, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("lang")
    golden = conformance / "b_gmm_ali"
    data = folder / "data"
    data.mkdir()
    (data / "text").write_text((golden / "utts5.text").read_text())
    (data / "utt2spk").write_text("".join(f"{key} {key[:5]}\n" for key in UTTERANCES))
    (data / "spk2utt").write_text("".join(f"{key[:5]} {key}\n" for key in UTTERANCES))
    (data / "wav.scp").write_text(
        "".join(f"{key} {conformance / 'wav' / key}.wav\n" for key in UTTERANCES)
    )
    words = [line for line in (golden / "lexicon_used.txt").open() if line[0] not in "!<"]
    (folder / "lexicon.txt").write_text("".join(words))
    kaldi_lang([data], [folder / "lexicon.txt"], folder / "kaldi")
    return folder / "kaldi"


def test_topologies_are_kaldis(lang: Path, conformance: Path):
    for name, golden in (("topo", "b_gmm_ali"), ("topo.chain", "d_lfmmi")):
        assert read_kaldi_topology(lang / name) == read_kaldi_topology(
            conformance / golden / "topo"
        )
    assert read_table(lang / "phones.txt") == {
        phone: number
        for phone, number in read_table(conformance / "b_gmm_ali" / "phones.txt").items()
        if not phone.startswith("#")
    }


def test_graphs_from_this_lexicon_align_as_kaldi_did(lang: Path, conformance: Path):
    golden = conformance / "b_gmm_ali"
    gmm = read_kaldi_gmm(golden / "mono.final.mdl", golden / "mono.tree")
    graphs = KaldiGraphs(gmm, lang / "L.fst")
    features = dict(kaldi_io.read_mat_ark(str(golden / "utts5_mfcc39_cmn.ark")))
    alignments = read_table(golden / "utts5_mono_ali.txt")
    for key, words in read_table(lang / "text.int").items():
        path = viterbi(gmm.model, graphs([int(word) for word in words.split()]), features[key])
        assert path is not None
        assert path.transition_ids.tolist() == [int(i) for i in alignments[key].split()]


def test_canonical_phones_are_words_of_their_own(conformance: Path, tmp_path: Path):
    (tmp_path / "text").write_text("a-1 BEE BEE\na-2 BEE\n")
    (tmp_path / "canonical").write_text("a-1.0 B IY\na-1.1 B IH\n")
    (tmp_path / "utt2spk").write_text("a-1 a\na-2 a\n")
    (tmp_path / "spk2utt").write_text("a a-1 a-2\n")
    wav = conformance / "wav" / f"{UTTERANCES[0]}.wav"
    (tmp_path / "wav.scp").write_text(f"a-1 {wav}\na-2 {wav}\n")
    (tmp_path / "lexicon.txt").write_text("BEE B EH\n")
    kaldi_lang([tmp_path], [tmp_path / "lexicon.txt"], tmp_path / "out", canonical=True)
    words = {number: word for word, number in read_table(tmp_path / "out" / "words.txt").items()}
    spoken = {
        key: [words[number] for number in text.split()]
        for key, text in read_table(tmp_path / "out" / "text.int").items()
    }
    assert spoken == {"a-1": ["BEE_B_IY", "BEE_B_IH"], "a-2": ["BEE"]}


def test_recordings_are_unchanged_in_the_archive(lang: Path, conformance: Path):
    index = read_table(lang / "wav.scp")
    assert sorted(index) == sorted(UTTERANCES)
    for key, place in index.items():
        archive, _, offset = place.rpartition(":")
        with Path(archive).open("rb") as stream:
            stream.seek(int(offset))
            samples, rate = soundfile.read(stream, dtype="int16")
        expected, _ = soundfile.read(conformance / "wav" / f"{key}.wav", dtype="int16")
        assert rate == 16000
        np.testing.assert_array_equal(samples[: len(expected)], expected)


def test_unreadable_audio_names_the_utterance(tmp_path: Path):
    (tmp_path / "text").write_text("a-1 A\n")
    (tmp_path / "utt2spk").write_text("a-1 a\n")
    (tmp_path / "spk2utt").write_text("a a-1\n")
    (tmp_path / "wav.scp").write_text(f"a-1 {tmp_path}/none.wav\n")
    (tmp_path / "lexicon.txt").write_text("A AH\n")
    with pytest.raises(InputError, match=r"none\.wav"):
        kaldi_lang([tmp_path], [tmp_path / "lexicon.txt"], tmp_path / "out")


def test_kaldi_gets_segments_as_recordings_of_their_own(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    soundfile.write(tmp_path / "rec.mp3", 0.1 * np.sin(np.arange(32000) / 9), 16000)
    for name, content in {
        "text": "a GO\nb GO\n",
        "wav.scp": "rec ../rec.mp3\n",
        "segments": "a rec 0 1.25\nb rec 1.25 -1\n",
        "utt2spk": "a a\nb b\n",
        "lexicon.txt": "GO G OW\n",
    }.items():
        (data / name).write_text(content)
    kaldi_lang([data], [data / "lexicon.txt"], tmp_path / "lang")
    index = read_table(tmp_path / "lang" / "wav.scp")
    assert [len(read_audio(Path(index[key]))) for key in "ab"] == [20000, 12000]


def test_corpora_are_joined_with_speakers_and_volumes_of_their_own(
    conformance: Path, tmp_path: Path
):
    wav = conformance / "wav" / f"{UTTERANCES[0]}.wav"
    for corpus, key, word in (("one", "a-1", "BEE B IY"), ("two", "b-1", "SEE S IY")):
        folder = tmp_path / corpus / "train"
        folder.mkdir(parents=True)
        (folder / "text").write_text(f"{key} {word.split()[0]}\n")
        (folder / "utt2spk").write_text(f"{key} 0001\n")
        (folder / "spk2utt").write_text(f"0001 {key}\n")
        (folder / "wav.scp").write_text(f"{key} {wav}\n")
        (folder / "lexicon.txt").write_text(f"{word}\n")
    folders = [tmp_path / corpus / "train" for corpus in ("one", "two")]
    lexicons = [folder / "lexicon.txt" for folder in folders]
    kaldi_lang(folders, lexicons, tmp_path / "lang", volumes=True)
    assert read_table(tmp_path / "lang" / "utt2spk") == {"a-1": "0001", "b-1": "two-train-0001"}
    assert {"BEE", "SEE"} <= read_table(tmp_path / "lang" / "words.txt").keys()
    louder = read_table(tmp_path / "lang" / "louder.scp")
    places = read_table(tmp_path / "lang" / "wav.scp")
    factors = []
    for key, entry in louder.items():
        program, volume, place, *pipe = entry.split()
        assert (program, place, pipe) == ("wav-reverberate", places[key], ["-", "|"])
        factors.append(float(volume.removeprefix("--volume=")))
    assert len(set(factors)) == 2 and all(0.125 <= factor <= 2 for factor in factors)
    kaldi_lang(folders, lexicons, tmp_path / "plain")
    assert read_table(tmp_path / "plain" / "louder.scp").keys() == {"a-1", "b-1"}
    assert "reverberate" not in (tmp_path / "plain" / "louder.scp").read_text()
    with pytest.raises(InputError, match=r"two/train/text: a-1: .*one/train has an utterance"):
        for name in ("text", "utt2spk", "spk2utt", "wav.scp"):
            text = (folders[1] / name).read_text().replace("b-1", "a-1")
            (folders[1] / name).write_text(text)
        kaldi_lang(folders, lexicons, tmp_path / "again")
