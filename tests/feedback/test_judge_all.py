"""`pyscorer judge_all`: tables and folders of recorded responses, kills, and rows that are bad."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from made_judge import PROMPTS, made_judge

from pyscorer.cli import main
from pyscorer.feedback import judge_all as batch
from pyscorer.feedback import many
from pyscorer.feedback.judge_bundle import JudgeModel

WEATHER, NORTH, DOG = PROMPTS


@pytest.fixture(scope="module")
def root() -> Path:
    return made_judge()


@pytest.fixture
def wavs(root: Path, tmp_path: Path) -> Path:
    """Three recordings, a, b and c."""
    folder = tmp_path / "wavs"
    folder.mkdir()
    for name, key in zip("abc", ("test00-right", "test01-wrong", "test02-slow"), strict=True):
        shutil.copyfile(root / f"{key}.wav", folder / f"{name}.wav")
    return folder


def judge_all(root: Path, out: Path, *more: str) -> int:
    call = ["judge_all", "--model", str(root / "model"), "--out", str(out), "--jobs", "1"]
    return main([*call, *more])


def listed(folder: Path, *rows: str, header: str = "wav,prompt,id") -> str:
    (folder / "answers.csv").write_text("\n".join([header, *rows]) + "\n")
    return str(folder / "answers.csv")


def summary(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "summary.csv", keep_default_na=False).set_index("name")


def test_a_table_is_judged_and_nothing_of_it_dropped(
    root: Path, wavs: Path, tmp_path: Path
) -> None:
    (wavs / "d.wav").write_bytes(b"")
    rows = [f"wavs/a.wav,{WEATHER},first", f"wavs/b.wav,{NORTH},first", "wavs/c.wav,,third"]
    rows += [f"wavs/d.wav,{DOG},", f"wavs/e.wav,{DOG},=e"]
    out = tmp_path / "out"
    assert judge_all(root, out, "--table", listed(tmp_path, *rows)) == 0
    table = summary(out)
    assert list(table.index) == ["first", "first-2", "third", "d", "_=e"]
    assert list(table["status"]) == ["judged", "judged", "failed", "failed", "failed"]
    assert "answers.csv:4: no prompt for wavs/c.wav" in table.loc["third", "error"]
    assert "d.wav" in table.loc["d", "error"] and "no such audio file" in table.loc["_=e", "error"]
    first = json.loads((out / "first.json").read_text())
    row = table.loc["first"]
    assert row["transcript"] == first["response"] == "i think the weather is fine"
    assert row["decision"] == first["decision"]
    assert float(row["p(accepted)"]) == pytest.approx(first["posteriors"]["accepted"], abs=1e-4)
    assert float(row["p(accepted)"]) + float(row["p(rejected)"]) == pytest.approx(1, abs=1e-4)
    assert row["closest_accepted"] == "i think the weather is fine"
    assert row["known_prompt"] == "true" and 0 < float(row["confidence"]) <= 1
    page = (out / "judgements.html").read_text()
    assert page.count("<article>") == 5 and "no such audio file" in page
    for decision, number in table["decision"][table["status"] == "judged"].value_counts().items():
        assert f"{number} {decision}" in page
    assert not (out / ".summary.jsonl").exists()


def test_a_folder_with_prompts_beside_is_judged(root: Path, wavs: Path, tmp_path: Path) -> None:
    (wavs / "a.prompt.txt").write_text(WEATHER)
    (wavs / "b.prompt.txt").write_text(NORTH.upper())
    (wavs / "b.txt").write_text("what was said, which nobody asks for")
    out = tmp_path / "out"
    assert judge_all(root, out, "--wavs", str(wavs)) == 0
    table = summary(out)
    assert list(table["status"]) == ["judged", "judged", "failed"]
    assert "no prompt:" in table.loc["c", "error"]
    assert "c.prompt.txt is missing" in table.loc["c", "error"]
    assert table.loc["b", "prompt"] == NORTH


def test_a_table_says_the_prompts_of_a_folder(root: Path, wavs: Path, tmp_path: Path) -> None:
    (wavs / "b.prompt.txt").write_text(NORTH)
    table = listed(tmp_path, f"a.wav,{WEATHER},", f"gone.wav,{DOG},")
    out = tmp_path / "out"
    assert judge_all(root, out, "--wavs", str(wavs), "--table", table) == 0
    found = summary(out)
    assert list(found.index) == ["a", "gone", "b", "c"]
    assert list(found["status"]) == ["judged", "failed", "judged", "failed"]


def test_a_killed_run_goes_on_where_it_was(
    root: Path, wavs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "_BATCH", 1)
    table = listed(tmp_path, *(f"wavs/{n}.wav,{WEATHER},{n}" for n in "abc"))
    assert judge_all(root, tmp_path / "whole", "--table", table) == 0
    judged: list[str] = []
    judge = batch.judge_file

    def killed_at_b(model: JudgeModel, path: Path, prompt: str):
        judged.append(path.stem)
        if judged.count("b") == 1 and path.stem == "b":
            raise KeyboardInterrupt
        return judge(model, path, prompt)

    monkeypatch.setattr(batch, "judge_file", killed_at_b)
    out = tmp_path / "out"
    assert judge_all(root, out, "--table", table) == 130
    assert not (out / "summary.csv").exists()
    assert judge_all(root, out, "--table", table) == 0
    assert judged == ["a", "b", "b", "c"]
    files = [{p.name: p.read_bytes() for p in (tmp_path / d).iterdir()} for d in ("whole", "out")]
    assert files[0] == files[1]


def test_many_processes_say_what_one_says(root: Path, wavs: Path, tmp_path: Path) -> None:
    table = listed(tmp_path, *(f"wavs/{n}.wav,{WEATHER},{n}" for n in "abc"))
    for jobs in ("1", "2"):
        assert judge_all(root, tmp_path / jobs, "--table", table, "--jobs", jobs) == 0
    pages = [(tmp_path / jobs / "judgements.html").read_text() for jobs in ("1", "2")]
    assert pages[0] == pages[1]


def test_what_cannot_be_done_is_refused_before_the_work(
    root: Path, wavs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*more: str, out: Path = tmp_path / "out") -> str:
        assert judge_all(root, out, *more) == 2
        assert not (tmp_path / "out/summary.csv").exists()
        return capsys.readouterr().err

    assert "give --table, or --wavs" in refused()
    assert "no column prompt" in refused("--table", listed(tmp_path, header="wav,text"))
    assert "lies in the model" in refused(
        "--table", listed(tmp_path, f"wavs/a.wav,{DOG},"), out=root / "model/out"
    )
    assert "folder of the recordings" in refused("--wavs", str(wavs), out=wavs)
    (wavs / "judgements.html").write_text("mine")
    table = tmp_path / "summary.csv"
    shutil.copyfile(listed(tmp_path, f"wavs/a.wav,{DOG},"), table)
    assert "written over" in refused("--table", str(table), out=tmp_path)
    assert judge_all(root, tmp_path / "none", "--table", listed(tmp_path, f"x.wav,{DOG},")) == 2
    assert "none of 1 recordings could be judged" in capsys.readouterr().err
