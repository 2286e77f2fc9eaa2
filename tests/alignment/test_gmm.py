"""Training and alignment as stages: near Kaldi on real speech; whole, repeatable, and with clear
errors on made-up speech."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from boundaries import boundary_differences, read_kaldi_table, read_word_phones
from kaldi_model import read_text_model

from pyscorer.alignment import train_gmm as gmm_module
from pyscorer.alignment.align import AlignOptions, align, align_one
from pyscorer.alignment.features import FeatureOptions, cmvn_stats, features, gmm_features
from pyscorer.alignment.gmm_model import Gmm
from pyscorer.alignment.train_gmm import GmmOptions, train_gmm
from pyscorer.contract.archives import read_integers, write_archive
from pyscorer.contract.ctm import read_ctm
from pyscorer.contract.datadir import DataDir, Utterance, read_data_dir, write_data_dir
from pyscorer.contract.phones import PHONE_ID, PHONES
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import write_lexicon

LEXICON = {
    "SEE": [("S", "IY")],
    "A": [("AH",), ("EY",)],
    "MAN": [("M", "AE", "N")],
    "SAY": [("S", "EY")],
    "NOW": [("N", "AW")],
}


def made_up_features(phones: list[str], rng: np.random.Generator) -> np.ndarray:
    """(frames, 13): a cluster a phone, 6 to 12 frames each, silence around."""
    rows = []
    for phone in ["SIL", *phones, "SIL"]:
        centre = np.random.default_rng(PHONE_ID[phone]).normal(0, 20, 13)
        length = rng.integers(6, 13) if phone != "SIL" else 15
        rows.append(centre + rng.normal(0, 2, (length, 13)))
    return np.concatenate(rows).astype(np.float32)


class Toy:
    """A corpus of 40 made-up utterances of five speakers, in Kaldi's files."""

    def __init__(self, root: Path) -> None:
        rng = np.random.default_rng(0)
        self.root, self.data, self.feats = root, root / "data", root / "feats"
        self.lexicon = root / "lexicon.txt"
        write_lexicon(self.lexicon, LEXICON)
        corpus, matrices = DataDir(), {}
        for index in range(40):
            words = tuple(rng.choice(list(LEXICON), rng.integers(2, 6)))
            spoken = [LEXICON[w][rng.integers(len(LEXICON[w]))] for w in words]
            key = f"s{index % 5}u{index:02d}"
            corpus.utterances[key] = Utterance(
                key, f"s{index % 5}", root / f"{key}.wav", words, tuple(spoken)
            )
            matrices[key] = made_up_features([p for word in spoken for p in word], rng)
        self.data.mkdir()
        write_data_dir(self.data, corpus)
        self.write_features(matrices)
        self.matrices, self.utterances = matrices, read_data_dir(self.data).utterances

    def write_features(self, matrices: dict[str, np.ndarray]) -> None:
        write_archive(self.feats / "feats.scp", sorted(matrices.items()))
        stats = {
            f"s{s}": sum(cmvn_stats(m) for k, m in matrices.items() if k.startswith(f"s{s}"))
            for s in range(5)
        }
        write_archive(self.feats / "cmvn.scp", stats.items())


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(tmp_path)


OPTIONS = GmmOptions(iterations=6, gaussians=140, jobs=1)


@pytest.fixture
def trained(toy: Toy) -> Path:
    train_gmm(toy.data, toy.feats, toy.lexicon, toy.root / "gmm", OPTIONS)
    return toy.root / "gmm"


def test_likelihood_rises_and_scratch_files_go(trained: Path) -> None:
    log = pd.read_csv(trained / "log.csv")
    assert log["iteration"].tolist() == list(range(6))
    assert (log["log_likelihood"].diff().dropna() > 0).all()
    assert sorted(f.name for f in trained.iterdir()) == ["final.npz", "log.csv"]


def test_the_model_does_not_depend_on_the_number_of_processes(
    toy: Toy, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weights(jobs: int, seed: int = 0) -> np.ndarray:
        options = GmmOptions(iterations=6, gaussians=140, jobs=jobs, seed=seed)
        train_gmm(toy.data, toy.feats, toy.lexicon, toy.root / "again", options)
        return Gmm.load(toy.root / "again/final.npz").means

    monkeypatch.setattr(gmm_module, "SHARD", 7)  # six shards rather than one
    one, two = weights(jobs=1), weights(jobs=2)
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(weights(jobs=1, seed=1), one)


def test_a_killed_training_run_again_gives_the_same_model(toy: Toy, trained: Path) -> None:
    out = toy.root / "killed"
    shutil.copytree(trained, out)
    code = "from pathlib import Path; from pyscorer.contract.durable import part_of; import os\n"
    code += "with part_of(Path(sys.argv[1])) as part: part.mkdir(); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", f"import sys; {code}", out / "scratch"], check=False)
    assert list(out.glob(".*.part"))
    train_gmm(toy.data, toy.feats, toy.lexicon, out, OPTIONS)
    assert sorted(f.name for f in out.iterdir()) == ["final.npz", "log.csv"]
    again, first = Gmm.load(out / "final.npz"), Gmm.load(trained / "final.npz")
    np.testing.assert_array_equal(again.means, first.means)


@pytest.mark.parametrize("canonical", [False, True])
def test_alignment_writes_the_contract(toy: Toy, trained: Path, canonical: bool) -> None:
    out = toy.root / "ali"
    options = AlignOptions(canonical=canonical, jobs=2)
    align(toy.data, toy.feats, toy.lexicon, trained, out, options)
    phones, words = dict(read_ctm(out / "phones.ctm")), dict(read_ctm(out / "words.ctm"))
    frames = dict(read_integers(out / "ali.scp"))
    assert list(frames) == list(phones) == list(words) == list(toy.utterances)
    right = total = 0
    for key, utterance in toy.utterances.items():
        assert [w.label for w in words[key]] == list(utterance.words)
        assert phones[key][-1].end == len(frames[key]) == len(toy.matrices[key])
        from_ctm = np.repeat(
            [PHONE_ID[p.label] for p in phones[key]], [p.length for p in phones[key]]
        )
        np.testing.assert_array_equal(frames[key], from_ctm)
        # The toy's speech changes from phone to phone where its features jump.
        spoken = [p for word in utterance.canonical for p in word]
        found = [p.label for p in phones[key] if p.label != "SIL"]
        right += found == spoken
        total += 1
    assert right == total if canonical else right >= 0.9 * total
    table = dict(line.split() for line in (out / "phones.txt").read_text().splitlines())
    assert table == {phone: str(index) for index, phone in enumerate(PHONES)}
    assert (out / "failed").read_text() == ""


def test_words_outside_the_lexicon_become_spn(
    toy: Toy, trained: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lexicon = {word: variants for word, variants in LEXICON.items() if word != "NOW"}
    write_lexicon(toy.lexicon, lexicon)
    align(toy.data, toy.feats, toy.lexicon, trained, toy.root / "ali", AlignOptions(jobs=1))
    assert "NOW" in caplog.text
    words = dict(read_ctm(toy.root / "ali/words.ctm"))
    for key, phones in read_ctm(toy.root / "ali/phones.ctm"):
        said = [w for w in words[key] if w.label == "NOW"]
        spn = [p for p in phones if p.label == "SPN"]
        assert [(w.start, w.length) for w in said] == [(p.start, p.length) for p in spn]


def test_too_few_frames_are_an_error_that_lists_the_utterances(toy: Toy, trained: Path) -> None:
    short = sorted(toy.matrices)[:2]
    toy.write_features({k: m[:5] if k in short else m for k, m in toy.matrices.items()})
    out = toy.root / "ali"
    with pytest.raises(InputError, match="2 utterances cannot be aligned") as error:
        align(toy.data, toy.feats, toy.lexicon, trained, out, AlignOptions(jobs=1))
    assert all(
        f"{key}: 5 frames where its phones need at least" in str(error.value) for key in short
    )
    assert not (out / "ali.scp").exists()
    allowing = AlignOptions(jobs=1, allow_failures=True)
    align(toy.data, toy.feats, toy.lexicon, trained, out, allowing)
    assert [line.split()[0] for line in (out / "failed").read_text().splitlines()] == short
    assert len(dict(read_integers(out / "ali.scp"))) == 38


def test_training_goes_on_without_utterances_that_are_too_short_and_names_them(
    toy: Toy, caplog: pytest.LogCaptureFixture
) -> None:
    short = sorted(toy.matrices)[3]
    toy.write_features({k: m[:5] if k == short else m for k, m in toy.matrices.items()})
    train_gmm(toy.data, toy.feats, toy.lexicon, toy.root / "gmm", OPTIONS)
    assert "1 of 40 utterances" in caplog.text and short in caplog.text


def test_no_features_of_an_utterance_is_an_error_that_names_it(toy: Toy) -> None:
    toy.write_features({k: m for k, m in toy.matrices.items() if k != "s2u07"})
    with pytest.raises(InputError, match="no utterance s2u07"):
        train_gmm(toy.data, toy.feats, toy.lexicon, toy.root / "gmm", OPTIONS)


def test_a_damaged_model_is_an_error(toy: Toy, trained: Path) -> None:
    model = trained / "final.npz"
    model.write_bytes(model.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"final\.npz: damaged, or no arrays"):
        align(toy.data, toy.feats, toy.lexicon, trained, toy.root / "ali")
    with pytest.raises(InputError, match=r"final\.npz: no such file: run train_gmm"):
        align(toy.data, toy.feats, toy.lexicon, toy.root / "nowhere", toy.root / "ali")


def test_one_recording_is_aligned_on_its_own(toy: Toy, trained: Path) -> None:
    model = Gmm.load(trained / "final.npz")
    matrix = made_up_features(["S", "IY", "EY", "M", "AE", "N"], np.random.default_rng(9))
    found = align_one(model, gmm_features(matrix), ["SEE", "A", "MAN"], LEXICON)
    assert [w.label for w in found.words] == ["SEE", "A", "MAN"]
    assert len(found.phone_ids()) == len(matrix)
    with pytest.raises(InputError, match="not in the lexicon: DOG, CAT"):
        align_one(model, gmm_features(matrix), ["DOG", "SEE", "CAT", "DOG"], LEXICON)
    with pytest.raises(InputError, match="4 frames where its phones need at least 6"):
        align_one(model, gmm_features(matrix[:4]), ["SEE"], LEXICON)


def real_data(corpora: Path, split: str, keys: list[str], data: Path) -> None:
    """A data directory of some utterances of speechocean762."""
    folder = corpora / "speechocean762"
    tables = {
        name: dict(line.split(maxsplit=1) for line in (folder / split / name).open())
        for name in ("text", "wav.scp", "utt2spk")
    }
    corpus = DataDir()
    for key in keys:
        text, audio, speaker = (tables[name][key].strip() for name in tables)
        corpus.utterances[key] = Utterance(key, speaker, folder / audio, tuple(text.split()))
    data.mkdir()
    write_data_dir(data, corpus)


def test_with_kaldis_model_the_boundaries_are_kaldis(
    corpora: Path, conformance: Path, tmp_path: Path
) -> None:
    # Features, graphs and alignment together. The golden alignment was made from the original
    # recordings, these are coded with Opus: that is the difference that remains.
    golden = conformance / "b_gmm_ali"
    table = read_kaldi_table(golden / "mono_test.txt.gz")
    speakers = sorted({key[:5] for key in table})[::20]
    keys = [key for key in table if key[:5] in speakers]
    real_data(corpora, "test", keys, tmp_path / "data")
    features(tmp_path / "data", tmp_path / "mfcc", FeatureOptions("mfcc13"))
    read_text_model(golden / "mono.final.mdl.txt.gz").save(tmp_path / "gmm/final.npz")
    lexicon = golden / "lexicon_used.txt"
    options = AlignOptions(boost_silence=1.0)
    align(
        tmp_path / "data", tmp_path / "mfcc", lexicon, tmp_path / "gmm", tmp_path / "ali", options
    )
    ours = dict(read_word_phones(tmp_path / "ali"))
    found = boundary_differences(ours, table)
    assert len(ours) == len(keys) > 100
    assert found.words_agreeing > 0.98 * found.words
    assert found.median == 0
    assert found.within(30) >= 0.97
