import logging
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from pyscorer import cli
from pyscorer.config import resolve_run, settle
from pyscorer.contract.datadir import read_data_dir
from pyscorer.contract.files import read_yaml
from pyscorer.contract.scales import read_scales
from pyscorer.corpora.manifests import load_manifest
from pyscorer.corpora.prepare import PrepareOptions, prepare
from pyscorer.errors import InputError
from pyscorer.project.init import init, project_files
from pyscorer.shipped import CONFIG, PROFILES


def test_a_project_runs_the_default_configuration_on_the_sample(tmp_path: Path) -> None:
    init(tmp_path / "new" / "project")
    laid = read_yaml(tmp_path / "new" / "project" / "config.yaml")
    own = {"corpus": "sample", "manifests": "data_manifests"}
    assert laid == read_yaml(CONFIG / "config.yaml") | own


def test_every_section_of_the_configuration_has_a_comment(tmp_path: Path) -> None:
    init(tmp_path)
    text = (tmp_path / "config.yaml").read_text()
    for part in text.strip().split("\n\n"):
        assert "#" in part, part


def test_it_takes_along_the_runs_that_are_laid_over_it_and_the_profiles(tmp_path: Path) -> None:
    init(tmp_path)
    for source, name in ((CONFIG, "config"), (PROFILES, "profiles")):
        for path in source.rglob("*.yaml"):
            copy = tmp_path / name / path.relative_to(source)
            if path == CONFIG / "config.yaml":
                assert not copy.exists()
            else:
                assert copy.read_bytes() == path.read_bytes()


def test_the_manifest_to_fill_in_is_one_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("corpus").mkdir()
    rows = ["audio,speaker,text,total"]
    for number in range(10):
        soundfile.write(f"corpus/{number}.wav", np.full(16000, 0.1), 16000)
        rows.append(f"{number}.wav,speaker{number},It was cold,{number}")
    Path("corpus", "utterances.csv").write_text("\n".join(rows))
    run = resolve_run(settle(read_yaml(Path("config.yaml")) | {"corpus": "my_corpus"}))
    assert not run.sources["my_corpus"].fetch
    options = PrepareOptions(manifests=Path("data_manifests"))
    sizes = {}
    for split in ("train", "test"):
        prepare("my_corpus", split, Path(split), options)
        sizes[split] = len(read_data_dir(Path(split)).utterances)
    assert sizes == {"train": 7, "test": 3}
    assert read_scales(Path("train")).utterance == {"total": (0, 10)}


def with_all_that_is_commented_out(path: Path) -> None:
    path.write_text(re.sub(r"^( *)# ( *\w+:.*)$", r"\1\2", path.read_text(), flags=re.MULTILINE))


def test_what_is_commented_out_is_right_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init(tmp_path)
    monkeypatch.chdir(tmp_path)
    manifest = Path("data_manifests", "my_corpus.yaml")
    with_all_that_is_commented_out(manifest)
    scales = load_manifest("my_corpus", manifest.parent).scales
    assert scales.utterance.keys() == {"total", "fluency"} and scales.word.keys() == {"accuracy"}
    with_all_that_is_commented_out(Path("config.yaml"))
    run = resolve_run(settle(read_yaml(Path("config.yaml"))))
    assert run.acoustic == ("librispeech/train-clean-100",)


def test_what_a_run_makes_is_not_taken_into_git(tmp_path: Path) -> None:
    init(tmp_path)
    ignored = (tmp_path / ".gitignore").read_text().split()
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert {f"/{config['work_root']}/", f"/{config['results_root']}/"} <= set(ignored)


def test_the_corpus_is_the_one_that_is_named(tmp_path: Path) -> None:
    init(tmp_path, "speechocean762")
    assert read_yaml(tmp_path / "config.yaml")["corpus"] == "speechocean762"


@pytest.mark.parametrize("name", sorted({Path(name).parts[0] for name in project_files("sample")}))
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_nothing_is_written_over_or_into(name: str, kind: str, tmp_path: Path) -> None:
    if kind == "file":
        (tmp_path / name).write_text("mine")
    elif kind == "folder":
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).symlink_to("nowhere")
    with pytest.raises(InputError, match=f"has {name} already"):
        init(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_with_other_files_is_taken(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    init(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine" and (tmp_path / "Snakefile").exists()


@pytest.mark.parametrize(
    ("folder", "corpus", "message"),
    [
        ("file", "sample", "file is a file"),
        ("file/below", "sample", "file is a file"),
        ("a{b}", "sample", "choose a path without"),
        (
            "project",
            "timit",
            "--corpus: timit is none with scores of people: sample, speechocean762",
        ),
        ("project", "librispeech", "--corpus: librispeech is none with scores"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    folder: str, corpus: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(InputError, match=message):
        init(Path(folder), corpus)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_command_takes_the_folder_as_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert cli.main(["init", str(tmp_path / "mine"), "--corpus", "sample"]) == 0
    assert "snakemake --cores 2" in caplog.text and (tmp_path / "mine" / "config.yaml").exists()
    with pytest.raises(SystemExit):
        cli.main(["init"])
