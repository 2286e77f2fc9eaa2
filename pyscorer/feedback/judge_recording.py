"""Stage `judge`: one new response to a prompt, recorded or typed."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.characters import plain
from pyscorer.contract.decoded import Decoded
from pyscorer.contract.files import atomic_open
from pyscorer.errors import InputError, naming
from pyscorer.feedback.judge_bundle import JudgeModel, load_judge_model
from pyscorer.feedback.judge_ears import UNSURE_SHARE, Ears
from pyscorer.feedback.judge_forms import Judged, as_json, as_text, mean_confidence
from pyscorer.feedback.judge_page import as_page
from pyscorer.feedback.quality import LONGEST, read_recording
from pyscorer.feedback.score import check_outputs
from pyscorer.parallel import one_thread
from pyscorer.proficiency.judge import Judge, judge_response, resolved

Form = Literal["text", "json", "html"]
_TOO_LONG = f"a response lasts {LONGEST:.0f} s at most: cut out the part that answers the prompt"
_NOTHING = (
    "No word was recognised: the recording may be of another language, or too quiet, or have no "
    "speech in it."
)


def judge(
    model: Path,
    prompt: str,
    wav: Path | None = None,
    response: str | None = None,
    format: Form = "text",
    out: Path | None = None,
) -> None:
    """Judge one response to a prompt, and say why.

    `model` is a folder that `judge_model` wrote; `wav` is a recording of the response, any audio
    that libsndfile reads, or `response` is typed as it would be said. Prints the decision (of
    levels, the level), what each expert says and how much it counts, and the edits to the nearest
    accepted response; or writes it to the file `out`. html needs `out`.

    Raises InputError for audio that is missing, unreadable, empty, silent, noise, or longer than
    30 s, for an empty prompt, for a `wav` where the model has no recogniser, for a typed response
    that text experts alone cannot judge, and for an `out` that is a folder, the recording, or in
    the model.
    """
    if (wav is None) == (response is None):
        raise InputError("give either --wav or --response")
    if format == "html" and out is None:
        raise InputError("--format html: give the file to write with --out")
    if out is not None:
        if out.is_dir():
            raise InputError(f"--out {out}: a folder: give the file to write")
        check_outputs([out], [] if wav is None else [wav], model)
    loaded = load_judge_model(model)
    samples = None
    if wav is not None:
        samples, judged = judge_file(loaded, wav, prompt)
    else:
        judged = judge_typed(loaded, prompt, response or "")
    if format == "html":
        content = as_page(judged, samples)
    else:
        content = as_json(judged) if format == "json" else as_text(judged)
    if out is None:
        print(content, end="")
        return
    with atomic_open(out) as stream:
        stream.write(content)


@one_thread()
def judge_typed(model: JudgeModel, prompt: str, response: str) -> Judged:
    """Judge a typed response, by text experts alone."""
    return Judged(judge_response(model.judge, prompt, response))


def judge_file(model: JudgeModel, path: Path, prompt: str) -> tuple[np.ndarray, Judged]:
    """Samples at 16 kHz and judgement of a file; what is wrong is an InputError naming it."""
    ears = _ears(model)
    samples, warnings = read_recording(path, _TOO_LONG)
    with naming(path):
        judged = judge_samples(model.judge, ears, samples, prompt)
    judgement = judged.judgement
    together = (*warnings, *judgement.warnings)
    return samples, replace(judged, judgement=replace(judgement, warnings=together))


def _ears(model: JudgeModel) -> Ears:
    if model.ears is None:
        raise InputError(
            "the model has no recogniser, as it was made of transcripts: give the response as text "
            "(--response), or make a model of recordings"
        )
    return model.ears


@one_thread()
def judge_samples(judge: Judge, ears: Ears, samples: np.ndarray, prompt: str) -> Judged:
    """Judge a response of mono 16 kHz `samples` in [-1, 1).

    Raises InputError for an empty prompt and, of levels, where no word was recognised.
    """
    if not plain(prompt):
        raise InputError("the prompt is empty")
    heard = ears.decode(samples)
    if not heard.words and judge.best.rule.classes.ordinal:
        raise InputError(f"{_NOTHING} There is nothing to give a level to: record again.")
    answer = ears.listen(samples, heard, resolved(judge, prompt)) if heard.words else {}
    judgement = judge_response(judge, prompt, heard.transcript, answer)
    doubts = _doubts(ears, heard)
    judgement = replace(judgement, warnings=(*judgement.warnings, *doubts))
    return Judged(judgement, heard, round(len(samples) / SAMPLE_RATE, 2))


def _doubts(ears: Ears, heard: Decoded) -> tuple[str, ...]:
    if not heard.words:
        return (_NOTHING,)
    confidence = mean_confidence(heard)
    if confidence is None or ears.unsure is None or confidence >= ears.unsure:
        return ()
    return (
        f"The recogniser is unsure of what it heard: its mean confidence is {confidence:.2f}, and "
        f"{ears.unsure:.2f} or more in {1 - UNSURE_SHARE:.0%} of the training responses. If this "
        "is another language, or not speech, the judgement means nothing.",
    )
