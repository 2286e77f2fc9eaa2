"""Seconds to grade recordings with all models of a grader's bundle: one alone, and many.

    python benchmarks/score_speed.py --model results/RUN/graders/all --data DATA_DIR

One alone, on one core, after loading: recordings of a data directory whose length is nearest to
`--seconds`, the median and the longest of their times. Many: `score_all` over `--many` of them,
evenly spread, on `--jobs` cores, loading and writing included. Wall-clock time is the one that one
waits; processor time does not depend on how many processes share the machine.
"""

from recording_times import Timed, run

from pyscorer.feedback.bundle import load_bundle
from pyscorer.feedback.score import grade_file
from pyscorer.feedback.score_all import ScoreAllOptions, score_all

SCORE = Timed(
    "score_all",
    ("wav", "text"),
    lambda u: (u.audio.resolve(), " ".join(u.words)),
    lambda model, out, table, jobs: score_all(
        out, model, table, options=ScoreAllOptions(jobs=jobs)
    ),
    load_bundle,
    lambda bundle, u: grade_file(bundle, u.audio, " ".join(u.words)),
)

if __name__ == "__main__":
    run(__doc__, SCORE)
