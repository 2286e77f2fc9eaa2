"""What it costs that a recording is graded by itself, and not with its corpus.

    python benchmarks/by_itself.py --model results/RUN/graders/all --data DATA_DIR \\
        --scores W/graders/all [--every 5] [--jobs 2]

`score_all` grades every fifth utterance of a data directory, from audio and text alone; `--scores`
is where the pipeline wrote what the same graders say of them. Prints a table (Markdown) of PCCs
with the human scores and with each other.
"""

import argparse
import tempfile
import time
from pathlib import Path

import pandas as pd

from pyscorer.contract.datadir import read_data_dir
from pyscorer.evaluation.metrics import pearson
from pyscorer.feedback.score_all import ScoreAllOptions, score_all
from pyscorer.grading.score_tables import read_levels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("model", "data", "scores"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    a = parser.parse_args()
    utterances = read_data_dir(a.data).utterances
    chosen = sorted(utterances)[:: a.every]
    rows = [(utterances[key].audio.resolve(), " ".join(utterances[key].words)) for key in chosen]
    with tempfile.TemporaryDirectory() as folder:
        table, out = Path(folder) / "list.csv", Path(folder) / "out"
        pd.DataFrame(rows, columns=["wav", "text"]).to_csv(table, index=False)
        began = time.monotonic()
        score_all(out, a.model, table, options=ScoreAllOptions(formats=("json",), jobs=a.jobs))
        wall = time.monotonic() - began
        told = pd.read_csv(out / "summary.csv")
    keys = {str(wav): key for key, (wav, _) in zip(chosen, rows, strict=True)}
    told.index = pd.Index(told["wav"].map(keys))
    scored = told[told["status"] == "scored"]
    speech = scored["duration"].sum()
    print(f"{len(scored)} of {len(chosen)} scored: {speech:.0f} s of speech in {wall:.0f} s")
    pipeline = read_levels(a.scores / "scores_utterance.csv")
    print(
        "\n| aspect | of the pipeline | by itself | both | mean difference |\n" + "| --- " * 5 + "|"
    )
    for aspect, part in pipeline.dropna(subset=["human"]).groupby("aspect", sort=False):
        both = part.set_index("utterance").join(scored, how="inner")
        human, corpus, own = (both[name].to_numpy() for name in ("human", "predicted", str(aspect)))
        pairs = ((human, corpus), (human, own), (corpus, own))
        figures = " | ".join(f"{pearson(x, y):.3f}" for x, y in pairs)
        print(f"| {aspect} | {figures} | {(own - corpus).mean():+.3f} |")


if __name__ == "__main__":
    main()
