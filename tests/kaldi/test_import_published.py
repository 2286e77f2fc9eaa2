"""A published model as the acoustic model: deep features, and posteriors of the corpus's phones."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
from made_published import write_published

from pyscorer.contract.archives import Matrices
from pyscorer.contract.ctm import Segment, write_ctm
from pyscorer.contract.datadir import DataDir, Utterance, write_data_dir
from pyscorer.contract.phones import ARPABET, PHONE_ID, PHONES
from pyscorer.contract.pooled import read_columns
from pyscorer.errors import InputError
from pyscorer.kaldi.export_published import export_published
from pyscorer.kaldi.import_published import (
    ImportPublishedOptions,
    import_published,
    load_acoustics,
)
from pyscorer.kaldi.model_directory import find_model
from pyscorer.kaldi.published_model import load_published
from pyscorer.measures.gop import gop
from pyscorer.measures.pool import pool

LENGTHS = {"u1": 8000, "u2": 6400}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two recordings of noise."""
    rng, made = np.random.default_rng(5), DataDir()
    for key, length in LENGTHS.items():
        path = tmp_path / f"{key}.wav"
        soundfile.write(path, rng.normal(0, 0.1, length), 16000, "PCM_16")
        made.utterances[key] = Utterance(key, "s", path, ("AT",))
    write_data_dir(tmp_path / "data", made)
    return tmp_path / "data"


@pytest.fixture
def english(tmp_path: Path) -> Path:
    """A model of word-position phones with stress, silence among them."""
    symbols = ["SIL", "SIL_B", "SPN", *(f"{phone}_B" for phone in ARPABET), "AH0_E", "AH1_S"]
    return write_published(tmp_path / "model", symbols)


def outputs(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    archives = {name: Matrices(folder / f"{name}.scp") for name in ("embed", "post")}
    return {name: {key: found[key] for key in found} for name, found in archives.items()}


def test_deep_features_and_posteriors_are_the_models(english: Path, data: Path, tmp_path: Path):
    import_published(english, tmp_path / "published")
    export_published(data, tmp_path / "published", tmp_path / "deep", jobs=1)
    assert (tmp_path / "deep" / "frame_shift").read_text() == "0.03\n"
    found, model = outputs(tmp_path / "deep"), load_published(find_model(english))
    for key in LENGTHS:
        samples, _ = soundfile.read(data.parent / f"{key}.wav", dtype="float32")
        said, _ = model.hear(samples, ["prefinal-l", "output-xent"])
        np.testing.assert_array_equal(found["embed"][key], said["prefinal-l"])
        pdfs = np.exp(said["output-xent"].astype(np.float64))
        pdfs /= pdfs.sum(axis=1, keepdims=True)
        # pdfs 0 to 3 are of silence, the last four of AH as well as its own two
        ah = 2 * (3 + ARPABET.index("AH"))
        by_hand = {"SIL": pdfs[:, :4], "AH": pdfs[:, [ah, ah + 1, -4, -3, -2, -1]]}
        for phone, own in by_hand.items():
            column = found["post"][key][:, PHONE_ID[phone] - 1]
            np.testing.assert_allclose(np.exp(column), own.sum(axis=1), rtol=1e-5)
        np.testing.assert_allclose(np.exp(found["post"][key]).sum(axis=1), 1, rtol=1e-5)
    assert found["embed"]["u1"].dtype == found["post"]["u1"].dtype == np.float32


def test_two_processes_write_what_one_does(english: Path, data: Path, tmp_path: Path):
    import_published(english, tmp_path / "published")
    for jobs in (1, 2):
        export_published(data, tmp_path / "published", tmp_path / str(jobs), jobs)
    for name in ("embed.ark", "post.ark", "frame_shift"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_measures_take_them_unchanged(data: Path, tmp_path: Path):
    model = write_published(
        tmp_path / "m", ["sp", *(p.lower() for p in ARPABET)], subsampling=4, outputs=("output",)
    )
    (tmp_path / "map.yaml").write_text(
        "sp: SIL\n" + "".join(f"'{p.lower()}': {p}\n" for p in ARPABET)
    )
    import_published(model, tmp_path / "published", phone_map=tmp_path / "map.yaml")
    export_published(data, tmp_path / "published", tmp_path / "deep", jobs=1)
    assert (tmp_path / "deep" / "frame_shift").read_text() == "0.04\n"
    phones = {
        key: [Segment("AE", 0, 20), Segment("T", 20, n // 160 - 22)] for key, n in LENGTHS.items()
    }
    write_ctm(tmp_path / "ali" / "phones.ctm", phones.items())
    words = {key: [Segment("AT", 0, n // 160 - 2)] for key, n in LENGTHS.items()}
    write_ctm(tmp_path / "ali" / "words.ctm", words.items())
    pool(data, tmp_path / "ali", tmp_path / "deep", tmp_path / "pool")
    assert read_columns(tmp_path / "pool")[:5] == [
        "deep_0",
        "deep_1",
        "deep_2",
        "deep_3",
        "log_duration",
    ]
    gop(data, tmp_path / "ali", tmp_path / "deep", tmp_path / "gop")
    lines = (tmp_path / "gop" / "gop.csv").read_text().splitlines()
    assert len(lines) == 5 and all(float(x) <= 0 for x in lines[1].split(",")[3:5])


def test_what_is_taken_of_the_model_is_settled_once(english: Path, tmp_path: Path, caplog):
    options = ImportPublishedOptions(node="relu", posteriors="output", ivectors="online")
    with caplog.at_level("INFO"):
        import_published(english, tmp_path / "out", options)
    assert "deep features of relu (5), posteriors of output" in caplog.text
    assert caplog.text.count("trained on sequences, not on frames") == 1
    settings = load_acoustics(tmp_path / "out").settings
    pdfs = 2 * (2 + len(PHONES))  # of 44 phones
    parameters = 9 * 5 + 5 + 5 * 4 + 2 * (4 * pdfs + pdfs)
    assert asdict(settings) == {
        **{"node": "relu", "output": "output", "left_out": (), "ivectors": "online"},
        **{"dimension": 5, "parameters": parameters},
    }
    caplog.clear()
    load_acoustics(tmp_path / "out")
    assert "sequences" not in caplog.text


def test_a_model_without_cross_entropy_branch_gives_its_chain_output(tmp_path: Path, caplog):
    model = write_published(tmp_path / "m", list(PHONES[1:]), outputs=("output",))
    import_published(model, tmp_path / "out")
    assert load_acoustics(tmp_path / "out").settings.output == "output"
    assert "trained on sequences, not on frames" in caplog.text
    with pytest.raises(InputError, match=r"no node output-xent; it has .*prefinal-l"):
        import_published(model, tmp_path / "o", ImportPublishedOptions(posteriors="output-xent"))
    assert not (tmp_path / "o").exists()


def test_nothing_but_the_imported_directory_is_needed(english: Path, data: Path, tmp_path: Path):
    import_published(english, tmp_path / "a" / "published")
    export_published(data, tmp_path / "a" / "published", tmp_path / "before", 1)
    for file in sorted(english.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    (tmp_path / "a" / "published").rename(tmp_path / "elsewhere")
    export_published(data, tmp_path / "elsewhere", tmp_path / "after", 1)
    assert (tmp_path / "before/post.ark").read_bytes() == (tmp_path / "after/post.ark").read_bytes()


def test_a_recording_shorter_than_a_frame_is_named(english: Path, data: Path, tmp_path: Path):
    soundfile.write(data.parent / "u2.wav", np.zeros(100), 16000)
    import_published(english, tmp_path / "published")
    with pytest.raises(InputError, match=r"utterance u2: 6 ms of audio, shorter than one"):
        export_published(data, tmp_path / "published", tmp_path / "deep", jobs=1)
    assert not (tmp_path / "deep" / "post.scp").exists()


def test_parts_that_are_missing_or_changed_are_named(english: Path, tmp_path: Path):
    import_published(english, tmp_path / "out")
    path = tmp_path / "out" / "published.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"node": "other"}))
    with pytest.raises(InputError, match=r"published\.json: the network has no node other"):
        load_acoustics(tmp_path / "out")
    path.write_text(json.dumps({k: v for k, v in content.items() if k != "output"}))
    with pytest.raises(InputError, match=r"published\.json: output: .*run import_published"):
        load_acoustics(tmp_path / "out")
    path.write_text(json.dumps(content))
    (tmp_path / "out" / "ivector" / "final.ie").unlink()
    with pytest.raises(InputError, match=r"no extractor is beside it"):
        load_acoustics(tmp_path / "out")


def test_a_raw_network_has_no_phones(english: Path, tmp_path: Path):
    from pyscorer.kaldi.nnet3 import Nnet3, read_nnet3, write_nnet3

    mdl = english / "am" / "final.mdl"
    nnet = read_nnet3(mdl)
    write_nnet3(mdl, Nnet3(mdl, nnet.config, nnet.components, None))
    with pytest.raises(InputError, match=r"final\.mdl: a raw network: the phones of its pdfs"):
        import_published(english, tmp_path / "out")
