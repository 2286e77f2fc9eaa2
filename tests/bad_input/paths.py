"""Paths, configurations and consoles: kinds J and K."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from bad_input import command, tried

from pyscorer.config import flags
from pyscorer.contract.files import atomic_directory, read_yaml
from pyscorer.corpora.manifests import load_manifest
from pyscorer.errors import InputError
from pyscorer.planning.plan import make_plan

ROOT = Path(__file__).resolve().parents[2]
J, K = "J. paths and configurations", "K. consoles and surroundings"
UGLY = "a b&c'd\"e;(f) 100% $g - ünï 你好"


def planned(environment: dict[str, str] | None = None, **config: Any) -> str:
    """The run that the default configuration with these keys stands for."""
    with mock.patch.dict(os.environ, {"PYSCORER_CORPORA": ""} | (environment or {})):
        default = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
        run = make_plan(default | config).run
    return f"run {run.name}"


def speechocean762(root: Path) -> Path:
    """What tells that the corpus is there."""
    for name in load_manifest("speechocean762").required:
        (root / "speechocean762" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "speechocean762" / name).touch()
    return root


@tried(J, "blanks, quotes, &, ;, $, %, parentheses and other scripts in all three roots")
def ugly_roots(folder: Path) -> str:
    root = speechocean762(folder / UGLY / "corpora")
    roots = {"work_root": f"{UGLY}/-w", "results_root": f"{UGLY}/r"}
    assert planned(corpora_root=str(root), **roots) == "run speechocean762-30spk"
    return "run speechocean762-30spk"


@tried(J, "a root that begins with a dash")
def dash(folder: Path) -> str:
    said = planned(corpus="sample", work_root="-work")
    assert flags({"note": "-x"}) == "--note=-x"
    return said


@tried(J, "`~` in corpora_root")
def home(folder: Path) -> str:
    speechocean762(folder / "home" / "corpora")
    return planned({"HOME": str(folder / "home")}, corpora_root="~/corpora")


@tried(J, "`$HOME` in work_root")
def variable(folder: Path) -> str:
    return planned(work_root="$HOME/work")


@tried(J, "braces in work_root")
def braces(folder: Path) -> str:
    return planned(work_root="work-{today}")


@tried(J, "a line break in results_root")
def line_break(folder: Path) -> str:
    return planned(results_root="results\nof today")


@tried(J, "a corpora_root that is not there")
def absent_root(folder: Path) -> str:
    return planned(corpora_root="corpora/mistyped")


@tried(J, "PYSCORER_CORPORA that is not there, with a corpora_root that is")
def absent_environment(folder: Path) -> str:
    speechocean762(folder / "corpora")
    return planned({"PYSCORER_CORPORA": "mistyped"}, corpora_root="corpora")


@tried(J, "a corpora_root that is a file")
def root_file(folder: Path) -> str:
    (folder / "corpora").touch()
    return planned(corpora_root="corpora")


@tried(J, "a corpora_root that is a link to itself")
def loop(folder: Path) -> str:
    (folder / "corpora").symlink_to("corpora")
    return planned(corpora_root="corpora")


@tried(J, "the corpus itself as corpora_root")
def corpus_as_root(folder: Path) -> str:
    speechocean762(folder / "corpora")
    return planned(corpora_root="corpora/speechocean762")


@tried(J, "a corpora_root with half of the corpus, corpus: auto")
def half(folder: Path) -> str:
    speechocean762(folder / "corpora")
    (folder / "corpora" / "speechocean762" / "resource" / "lexicon.txt").unlink()
    return planned(corpora_root="corpora")


@tried(J, "work_root = corpora_root, all speakers: the run would have the corpus's own folder")
def work_in_corpus(folder: Path) -> str:
    speechocean762(folder / "corpora")
    return planned(corpora_root="corpora", work_root="corpora", prepare={"speakers": 0})


@tried(J, "results_root = work_root")
def same_roots(folder: Path) -> str:
    return planned(corpus="sample", results_root="work")


@tried(J, "a work_root below a file")
def below_a_file(folder: Path) -> str:
    (folder / "notes.txt").touch()
    return planned(corpus="sample", work_root="notes.txt/work")


@tried(J, "corpus: ../x")
def corpus_path(folder: Path) -> str:
    return planned(corpus="../x")


@tried(J, "acoustic_data: [../x/train]")
def acoustic_path(folder: Path) -> str:
    return planned(acoustic_data=["../x/train"])


@tried(J, "scorers called ../../home, --help and `x; rm -rf *`")
def names(folder: Path) -> str:
    return planned(scorers={"../../home": {}, "--help": {}, "x; rm -rf *": {}})


@tried(J, "proficiency.name: /etc, an expert ../x")
def proficiency_names(folder: Path) -> str:
    return planned(proficiency={"name": "/etc", "experts": {"../x": {}}})


@tried(J, "an acoustic_model that is not there")
def absent_model(folder: Path) -> str:
    return planned(acoustic_model="models/final.mdl")


@tried(J, "shell characters in an option that is free text")
def shell_text(folder: Path) -> str:
    planned(corpus="sample", report={"title": "$(reboot); `x` {y} 'z'"})
    made = flags({"title": "$(reboot); `x` {y} 'z'"})
    script = f"printf '%s|' {made}"
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == "--title|$(reboot); `x` {y} 'z'|"
    return made


@tried(J, "a date as seed, not-a-number as rate")
def odd_values(folder: Path) -> str:
    (folder / "c.yaml").write_text("seed: 2020-01-01\ntrain_tdnnf: {learning_rate: .nan}\n")
    given = read_yaml(folder / "c.yaml")
    try:
        planned(seed=given["seed"])
    except InputError as error:
        assert "seed: '2020-01-01' is not of type 'integer'" in str(error)
    return planned(**given)


@tried(J, "the same key twice in a configuration")
def twice(folder: Path) -> str:
    (folder / "c.yaml").write_text("corpus: sample\nseed: 1\nseed: 2\n")
    return str(read_yaml(folder / "c.yaml"))


@tried(J, "a configuration with aliases within aliases within aliases")
def bomb(folder: Path) -> str:
    value: Any = ["x"] * 10
    for _ in range(8):
        value = [value] * 10
    return planned(scorers={"deep": {"extras": value}})


@tried(J, "snakemake --directory elsewhere, from a configuration with relative paths")
def elsewhere(folder: Path) -> str:
    (folder / "other dir").mkdir()
    program = [Path(sys.executable).parent / "snakemake", "--cores", "1", "--dry-run"]
    program += ["--snakefile", ROOT / "Snakefile", "--directory", folder / "other dir"]
    program += ["--config", "corpus=sample"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(program, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    (jobs,) = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("total ")}
    written = {path.name for path in (folder / "other dir").glob("work/*/*")}
    assert int(jobs) > 30 and written == {"changes"}  # what a plan is held against
    return "all jobs of the run"


@tried(J, "--out . of a stage that replaces its folder")
def out_here(folder: Path) -> str:
    (folder / "thesis.tex").touch()
    return replaced(Path())


@tried(J, "--out of such a stage is a folder of other things")
def out_of_others(folder: Path) -> str:
    (folder / "documents").mkdir()
    (folder / "documents" / "thesis.tex").touch()
    return replaced(Path("documents"))


def replaced(out: Path) -> str:
    """Nothing is lost of what is there."""
    there = sorted(Path.cwd().rglob("*"))
    try:
        with atomic_directory(out) as part:
            (part / "final.npz").touch()
    finally:
        assert sorted(Path.cwd().rglob("*")) == there
    return "replaced"


@tried(J, "a new project in the folder of another, or with files of these names")
def project_twice(folder: Path) -> str:
    command("init", "mine")
    return command("init", "mine")


@tried(J, "a new project in a folder with other files")
def project_beside(folder: Path) -> str:
    (folder / "mine").mkdir()
    (folder / "mine" / "notes.txt").touch()
    command("init", "mine")
    return f"{len(list((folder / 'mine').iterdir())) - 1} files and folders beside them"


@tried(J, "a new project below a file")
def project_in_file(folder: Path) -> str:
    (folder / "mine").touch()
    return command("init", "mine/project")


@tried(J, "a new project on a corpus that pyscorer does not know")
def project_on_unknown(folder: Path) -> str:
    return command("init", "mine", "--corpus", "timit")


@tried(K, "a file name in another script, on an ASCII console")
def ascii_console(folder: Path) -> str:
    return console("score", *score("你好 café.wav"), PYTHONIOENCODING="ascii")


@tried(K, "a file name that is no UTF-8")
def bytes_name(folder: Path) -> str:
    return console("score", *score(os.fsdecode(b"caf\xe9.wav")))


@tried(K, "output into a pipe that nobody reads (`| head -1`)")
def closed_pipe(folder: Path) -> str:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(cli("--help"), stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert done.stderr == b"" and done.returncode in (0, 141)
    return "no word, no traceback"


@tried(K, "a name that is longer than the file system takes")
def long_name(folder: Path) -> str:
    try:
        return console("download", "--corpus", "sample", "--root", "o" * 300)
    except InputError as error:
        raise InputError(str(error).replace("o" * 300, "ooo…")) from None


def score(model: str) -> list[str]:
    return ["--model", model, "--wav", "a.wav", "--text", "a"]


def cli(*argv: str) -> list[str]:
    return [sys.executable, "-m", "pyscorer.cli", *argv]


def console(*argv: str, **environment: str) -> str:
    """What a command says that ends with an error, on a console of its own."""
    given = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    done = subprocess.run(cli(*argv), capture_output=True, check=False, env=given)
    said = done.stderr.decode("ascii").partition(f"pyscorer {argv[0]}: error: ")[2].strip()
    assert done.returncode == 2 and said.count("\n") == 0, done.stderr
    raise InputError(said)
