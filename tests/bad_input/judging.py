"""What is given to `judge` and `judge_all` that is no answer to a prompt."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
from bad_input import command, tried
from made_judge import PROMPTS, made_judge
from made_models import TEXTS, speak
from not_speech import SOUNDS

KIND = "N. responses to judge"
WEATHER, NORTH, DOG = PROMPTS


def model() -> Path:
    return made_judge() / "model"


def judge(samples: np.ndarray, prompt: str = WEATHER, folder: str = "model") -> str:
    """What `judge` warns of in samples; figures of the made model's confidence mean nothing."""
    soundfile.write("me.wav", samples, 16000)
    call = ["judge", "--model", made_judge() / folder, "--wav", "me.wav", "--prompt", prompt]
    answer = json.loads(command(*call, "--format", "json"))
    said = " ".join(["judged;" if answer["warnings"] else "judged", *answer["warnings"]])
    return re.sub(r"0\.\d\d", "0.##", said)


def response(given: str) -> Callable[[Callable[[], str]], None]:
    def take(run: Callable[[], str]) -> None:
        tried(KIND, given)(lambda folder: run())

    return take


@response("a right answer")
def _() -> str:
    said = judge(speak(TEXTS[0]))
    assert said == "judged"
    return said


@response("silence")
def _() -> str:
    return judge(SOUNDS["silence"]())


@response("white noise")
def _() -> str:
    return judge(SOUNDS["white"]())


@response("a minute of speech")
def _() -> str:
    return judge(np.tile(speak(TEXTS[0]), 30)[: 60 * 16000])


@response("an empty prompt")
def _() -> str:
    return judge(speak(TEXTS[0]), " ")


@response("a prompt that the grammar lacks")
def _() -> str:
    return judge(speak(TEXTS[0]), "Say how the wether is")


@response("a prompt in capitals, with another mark at its end")
def _() -> str:
    said = judge(speak(TEXTS[0]), WEATHER.upper() + "!")
    assert said == "judged"
    return said


@response("an answer three times as long as its prompt wants")
def _() -> str:
    said = judge(np.concatenate([speak(TEXTS[i]) for i in (0, 1, 0)]), DOG)
    assert "where the longest" in said
    return re.sub(r"has \d+ words", "has # words", said)


@response("the tones of a telephone's keys")
def _() -> str:
    return judge(SOUNDS["dialling"]())


@response("the same, to a model of levels")
def _() -> str:
    return judge(SOUNDS["dialling"](), folder="levels/model")


@response("what is no English: an answer played backwards")
def _() -> str:
    said = judge(speak(TEXTS[1])[::-1].copy(), NORTH)
    assert "another language" in said
    return said[: said.index(" The response has")] if "longest" in said else said


@response("a recording, to a model of transcripts")
def _() -> str:
    copy = Path("read")
    copy.mkdir()
    for path in model().iterdir():
        if path.name != "ears.json":
            (copy / path.name).symlink_to(path)
    soundfile.write("me.wav", speak(TEXTS[0]), 16000)
    return command("judge", "--model", copy, "--wav", "me.wav", "--prompt", WEATHER)


@response("a typed response, to a model whose experts listen")
def _() -> str:
    said = command(
        *("judge", "--model", model(), "--prompt", WEATHER, "--format", "json"),
        *("--response", "I think the weather is fine"),
    )
    (told,) = json.loads(said)["warnings"]
    return re.sub(r"not by .*", "not by those that listen.", told)


@response("audio that does not decode")
def _() -> str:
    Path("me.wav").write_bytes(b"RIFF\0\0\0\0WAVE")
    return command("judge", "--model", model(), "--wav", "me.wav", "--prompt", WEATHER)


@response("a model whose settings are of an older version")
def _() -> str:
    copy = Path("old")
    copy.mkdir()
    for path in model().iterdir():
        (copy / path.name).symlink_to(path)
    (copy / "ears.json").unlink()
    (copy / "ears.json").write_text('{"decoder": "own"}')
    soundfile.write("me.wav", speak(TEXTS[0]), 16000)
    return command("judge", "--model", copy, "--wav", "me.wav", "--prompt", WEATHER)


def judge_all(*rows: str, header: str = "wav,prompt,id") -> str:
    """The rows of the summary, in a few words each."""
    Path("answers.csv").write_text("\n".join([header, *rows]) + "\n")
    call = ["judge_all", "--model", model(), "--out", "out", "--jobs", "1"]
    command(*call, "--table", "answers.csv")
    table = pd.read_csv("out/summary.csv", keep_default_na=False)
    return "; ".join(f"{r.name} {r.status} {r.error}".strip() for r in table.itertuples())


@response("`judge_all` of a table with a missing prompt, a missing file and an id twice")
def _() -> str:
    soundfile.write("a.wav", speak(TEXTS[0]), 16000)
    rows = [f"a.wav,{WEATHER},x", f"a.wav,{WEATHER},x", "a.wav,,y", f"b.wav,{WEATHER},z"]
    return judge_all(*rows)


@response("`judge_all` of a table without the column prompt")
def _() -> str:
    return judge_all("a.wav,any", header="wav,text")
