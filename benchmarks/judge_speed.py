"""Seconds to judge recorded responses with all models of a folder: one alone, and many.

    python benchmarks/judge_speed.py --model work/RUN/model --data DATA_DIR

One alone, on one core, after loading: recordings of a data directory with prompts whose length is
nearest to `--seconds`, the median and the longest of their times. Many: `judge_all` over `--many`
of them, evenly spread, on `--jobs` cores, loading and writing included. Wall-clock time is the one
that one waits; processor time does not depend on how many processes share the machine.
"""

from recording_times import Timed, run

from pyscorer.feedback.judge_all import JudgeAllOptions, judge_all
from pyscorer.feedback.judge_bundle import load_judge_model
from pyscorer.feedback.judge_recording import judge_file

JUDGE = Timed(
    "judge_all",
    ("wav", "prompt", "id"),
    lambda u: (u.audio.resolve(), u.prompt, u.key),
    lambda model, out, table, jobs: judge_all(
        model, out, table, options=JudgeAllOptions(jobs=jobs)
    ),
    load_judge_model,
    lambda loaded, u: judge_file(loaded, u.audio, u.prompt),
)

if __name__ == "__main__":
    run(__doc__, JUDGE)
