"""Data directories of spoken responses with what was heard in them; no audio is behind them."""

import csv
from pathlib import Path

import numpy as np

from pyscorer.contract.classes import LABELS, Classes, write_classes
from pyscorer.contract.ctm import Segment
from pyscorer.contract.datadir import DataDir, Utterance, write_data_dir
from pyscorer.contract.decoded import Alternative, Decoded, write_decoded

PROMPTS = {"Ask for tea": "tea", "Ask for soup": "soup", "Ask for a room": "room"}
"""Prompt -> the word that belongs into the answer."""


def make_spoken(
    root: Path, classes: Classes, speakers: dict[str, int], each: int = 12, seed: int = 1
) -> None:
    """Write root/data/<split> and root/decode/<split> of so many speakers of each split.

    The worse a response's class, the more of its words are wrong; one utterance has no label.
    """
    rng = np.random.default_rng(seed)
    number = len(classes.names)
    best = number - 1 if classes.ordinal else 0
    for split, people in speakers.items():
        data, labels, decoded = DataDir(), [], []
        for speaker in range(people):
            name = f"{split}{speaker:02d}"
            for at in range(each):
                prompt = list(PROMPTS)[at % len(PROMPTS)]
                label = int(rng.integers(number))
                words = ["i", "would", "like", PROMPTS[prompt], "please"]
                for _ in range(abs(label - best)):
                    words[int(rng.integers(len(words)))] = str(rng.choice(["uh", "fish", "green"]))
                key = f"{name}-{at:02d}"
                data.utterances[key] = Utterance(key, name, Path(f"{key}.wav"), (), prompt=prompt)
                labels.append((key, classes.names[label]))
                heard = tuple(Segment(word, 20 * n, 20, 0.9) for n, word in enumerate(words))
                decoded.append(Decoded(key, heard, (Alternative(tuple(words), -1.0),)))
        folder = root / "data" / split
        folder.mkdir(parents=True)
        write_data_dir(folder, data)
        write_classes(folder, classes)
        labels[-1] = (labels[-1][0], "")
        with (folder / LABELS).open("w", encoding="utf-8") as stream:
            csv.writer(stream).writerows([("utterance", "class"), *labels])
        write_decoded(root / "decode" / split, decoded)


def write_grammar_table(path: Path) -> Path:
    """A grammar of those prompts, as a table."""
    rows = [f"{prompt},i would like {word} please\n" for prompt, word in PROMPTS.items()]
    path.write_text("prompt,response\n" + "".join(rows))
    return path
