"""How often a model refuses or warns of recordings that are of their text, and that are not.

    python benchmarks/refusals.py --model DIR --data DATA_DIR --recordings 200

`DATA_DIR` is a data directory of speech that the model has not heard. Prints a table (Markdown)
of what was given, and of how many such recordings were refused, scored with a warning, and scored
without one.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pyscorer.contract.audio import SAMPLE_RATE, read_audio
from pyscorer.contract.datadir import read_data_dir
from pyscorer.errors import InputError
from pyscorer.feedback.bundle import Bundle, GraderJudge, load_bundle
from pyscorer.feedback.grade_recording import grade_recording
from pyscorer.feedback.listen import listen
from pyscorer.feedback.quality import check_samples
from pyscorer.feedback.score_recording import score_samples

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "made"))
from not_speech import SOUNDS

Given = tuple[str, np.ndarray, str]
"""What it is, samples, text."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--recordings", type=int, default=200)
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.model)
    utterances = list(read_data_dir(arguments.data).utterances.values())
    places = np.random.default_rng(0).permutation(len(utterances))[: arguments.recordings]
    read = [(read_audio(utterances[i].audio, resample=True), utterances[i].words) for i in places]
    answers: dict[str, Counter[str]] = {}
    for place, (samples, words) in enumerate(read):
        other = next(w for _, w in read[place + 1 :] + read[:place] if w != words)
        for kind, sound, text in variants(bundle, samples, words, other):
            answers.setdefault(kind, Counter())[answer(bundle, sound, text)] += 1
    print("| given | recordings | refused | warned | scored |\n| --- | --- | --- | --- | --- |")
    for kind, counts in answers.items():
        shares = " | ".join(
            f"{counts[said] / counts.total():.1%}" for said in ("refused", "warned", "scored")
        )
        print(f"| {kind} | {counts.total()} | {shares} |")


def variants(
    bundle: Bundle, samples: np.ndarray, words: tuple[str, ...], other: tuple[str, ...]
) -> Iterator[Given]:
    """A recording under its own text and under others, whole and in parts; sounds under its text.

    Halves are of words: the recording is cut where its alignment has the middle of the text.
    """
    text, half = " ".join(words), len(words) // 2
    yield "its text", samples, text
    yield "another text", samples, " ".join(other)
    if half:
        yield "the first half of its text", samples, " ".join(words[:half])
        yield "the second half of its text", samples, " ".join(words[half:])
        segments = listen(bundle, samples, text).recording.segments
        cut = next(s.start for s in segments if s.word_index == half) * SAMPLE_RATE // 100
        yield "its first half", samples[:cut], text
        yield "its second half", samples[cut:], text
    yield "its text twice", samples, f"{text} {text}"
    yield "the recording twice", np.concatenate([samples, samples]), text
    yield "played backwards", samples[::-1].copy(), text
    for name, make in SOUNDS.items():
        yield name.replace("_", " "), make().astype(np.float32), text


def answer(bundle: Bundle, samples: np.ndarray, text: str) -> str:
    """refused, warned or scored."""
    try:
        warnings = check_samples(samples)
        if isinstance(bundle.judge, GraderJudge):
            warnings += grade_recording(bundle, samples, text).warnings
        else:
            warnings += score_samples(bundle, bundle.judge, samples, text).warnings
    except InputError:
        return "refused"
    return "warned" if warnings else "scored"


if __name__ == "__main__":
    main()
