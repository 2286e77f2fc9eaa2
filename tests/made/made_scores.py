"""A small made-up corpus whose score is in the pooled features."""

from pathlib import Path

import numpy as np
import pandas as pd

from pyscorer.contract.archives import write_archive
from pyscorer.contract.files import write_table
from pyscorer.pronunciation.scorer import ScorerOptions

COLUMNS = ["deep_0", "deep_1", "deep_2", "log_duration", "log_posterior"]
OPTIONS = ScorerOptions(
    seeds=2, folds=2, epochs=8, min_steps=0, batch_size=16, learning_rate=2e-2, dropout=0.0, jobs=1
)


def write_split(root: Path, split: str, speakers: list[str], each: int, seed: int) -> None:
    """Utterances of 1 to 4 words of 1 to 3 phones; deep_0 holds the score, the rest is noise."""
    rng = np.random.default_rng(seed)
    text, speaker_of, scores, matrices, segments = {}, {}, [], [], []
    for speaker in speakers:
        level = rng.uniform(2, 9)
        for i in range(each):
            key = f"{speaker}-{i}"
            score = round(float(np.clip(level + rng.normal(), 0, 10)))
            words = rng.integers(1, 5)
            places = [(w, p) for w in range(words) for p in range(rng.integers(1, 4))]
            matrix = rng.normal(size=(len(places), len(COLUMNS)))
            matrix[:, 0] += score / 2
            text[key], speaker_of[key] = "A " * words, speaker
            scores.append((key, score))
            matrices.append((key, matrix))
            segments += [(key, w, p, "AH", 0, 3) for w, p in places]
    write_table(root / "data" / split / "text", text)
    write_table(root / "data" / split / "utt2spk", speaker_of)
    pd.DataFrame(scores, columns=["utterance", "total"]).to_csv(
        root / "data" / split / "utterance_scores.csv", index=False
    )
    pool = root / "pool" / split
    write_archive(pool / "phones.scp", matrices)
    names = ["utterance", "word_index", "phone_index", "phone", "start", "length"]
    pd.DataFrame(segments, columns=names).to_csv(pool / "segments.csv", index=False)
    (pool / "columns.txt").write_text("\n".join(COLUMNS) + "\n")
