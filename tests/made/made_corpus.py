"""Made-up utterances whose scores follow one input, for tests of the grader."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pyscorer.contract.files import write_table
from pyscorer.contract.labels import Labels
from pyscorer.contract.phones import ARPABET, PHONES
from pyscorer.contract.pooled import make_pooled, write_pooled
from pyscorer.contract.scales import SPEECHOCEAN, Scales, from_unit, write_scales
from pyscorer.contract.segments import DURATION_COLUMNS, PhoneSegment, durations
from pyscorer.grading.grader_inputs import RawInputs
from pyscorer.pretrained.view_columns import VIEW_OF_UTTERANCE, VIEW_OF_WORD, RecogniserView

MEASURES = ("lpp", "gop")


def make_utterances(
    speakers: int, each: int = 4, seed: int = 0, scales: Scales = SPEECHOCEAN
) -> tuple[RawInputs, Labels, dict[str, list[PhoneSegment]]]:
    """Utterances of 2 to 5 words of 1 to 4 phones; each speaker has a skill, which `lpp` tells."""
    generator = np.random.default_rng(seed)
    segments: dict[str, list[PhoneSegment]] = {}
    owner: list[str] = []
    for speaker in range(speakers):
        for number in range(each):
            rows, start = [], 0
            for word in range(generator.integers(2, 6)):
                pause = int(generator.integers(0, 10))
                for phone in range(generator.integers(1, 5)):
                    length = int(generator.integers(3, 20))
                    start += pause * (phone == 0)
                    before = pause if phone == 0 else 0
                    name = str(generator.choice(ARPABET))
                    rows.append(PhoneSegment(word, phone, name, start, length, before, 0))
                    start += length
            segments[f"S{speaker:02d}U{number}"] = rows
            owner.append(f"S{speaker:02d}")
    flat = [s for rows in segments.values() for s in rows]
    counts = [len(rows) for rows in segments.values()]
    utterance = np.repeat(np.arange(len(segments)), counts)
    skill = generator.uniform(0, 1, speakers)[np.unique(owner, return_inverse=True)[1]]
    good = np.clip(skill[utterance] + 0.2 * generator.normal(size=len(flat)), 0, 1)
    noise = generator.normal(size=len(flat))
    times = np.concatenate([durations(rows) for rows in segments.values()])
    features = np.column_stack([times, 4 * good, noise]).astype(np.float32)
    pooled = make_pooled(
        list(segments),
        features,
        utterance,
        [s.phone for s in flat],
        np.array([s.word_index for s in flat]),
        np.array([s.phone_index for s in flat]),
    )
    starts = np.flatnonzero(pooled.phone_index == 0)
    word = np.add.reduceat(good, starts) / np.diff([*starts, len(good)])
    whole = np.array([good[utterance == i].mean() for i in range(len(segments))])

    def scored(shares: np.ndarray, level: str) -> np.ndarray:
        ranges = scales.level(level).values()
        columns = [from_unit(shares, own) for own in ranges]
        return np.array(columns, np.float32).reshape(len(ranges), len(shares)).T.copy()

    labels = Labels(
        scored(np.round(10 * whole) / 10, "utterance"),
        scored(whole, "utterance"),
        scored(np.round(10 * word) / 10, "word"),
        scored(good, "phone")[:, 0] if scales.phone else np.full(len(good), np.nan, np.float32),
        np.array(owner),
        scales,
    )
    view = RecogniserView()
    each = np.log(word + 0.1)
    words = np.column_stack([each, np.ones(len(word)), each, word - 1, word > 0.3, each])
    seen = np.column_stack(
        [
            words.repeat(np.diff([*starts, len(good)]), axis=0),
            generator.normal(size=(len(segments), 4)).repeat(counts, axis=0),
        ]
    )
    columns = [("durations", c) for c in DURATION_COLUMNS] + [("gop", c) for c in MEASURES]
    columns += [(view.name, c) for c in view.columns]
    features = np.column_stack([features, seen]).astype(np.float32)
    return RawInputs(replace(pooled, features=features), tuple(columns)), labels, segments


def write_corpus(
    folder: Path, split: str, speakers: int, seed: int, scales: Scales = SPEECHOCEAN
) -> None:
    """folder/data/split with its label tables, folder/gop/split and folder/recogniser/split."""
    raw, labels, segments = make_utterances(speakers, seed=seed, scales=scales)
    p, keys = raw.pooled, raw.pooled.keys
    data = folder / "data" / split
    write_table(data / "utt2spk", dict(zip(keys, labels.speakers, strict=True)))
    write_scales(data, scales)
    names, (low, high) = list(scales.utterance), scales.bounds("utterance")
    tables = {"utterance": pd.DataFrame(labels.utterances, columns=names)}
    tables["utterance"].insert(0, "utterance", keys)
    raters = [
        pd.DataFrame((labels.raters + shift).clip(low, high), columns=names).assign(
            utterance=keys, rater=number
        )
        for number, shift in enumerate((-0.3, 0.3))
    ]
    tables["rater"] = pd.concat(raters)
    owner = np.repeat(keys, p.word_counts)
    starts = np.flatnonzero(p.phone_index == 0)
    places = {"utterance": owner, "word_index": p.word_index[starts], "word": "X"}
    tables["word"] = pd.DataFrame(places).join(
        pd.DataFrame(labels.words, columns=list(scales.word))
    )
    tables["phone"] = pd.DataFrame(
        {
            "utterance": np.repeat(keys, p.phone_counts),
            "word_index": p.word_index,
            "phone_index": p.phone_index,
            "phone": [PHONES[i + 2] for i in p.phones],
            scales.phone_aspect or "accuracy": labels.phones,
        }
    )
    for name, table in tables.items():
        if scales.level(name):
            table.to_csv(data / f"{name}_scores.csv", index=False)
    ends = np.cumsum(p.phone_counts)
    own = p.features[:, : len(DURATION_COLUMNS) + len(MEASURES)]
    rows = zip(keys, segments.values(), np.split(own, ends[:-1]), strict=True)
    write_pooled(folder / "gop" / split, [*DURATION_COLUMNS, *MEASURES], rows)
    view = folder / "recogniser" / split
    view.mkdir(parents=True)
    words = p.features[starts][:, raw.places("recogniser", VIEW_OF_WORD)]
    pd.DataFrame(
        {"utterance": owner, "word_index": p.word_index[starts]}
        | dict(zip(VIEW_OF_WORD[:5], words.T[:5], strict=True))
    ).to_csv(view / "words.csv", index=False)
    whole = p.features[ends - p.phone_counts][:, raw.places("recogniser", VIEW_OF_UTTERANCE)]
    table = pd.DataFrame(whole, columns=VIEW_OF_UTTERANCE)
    table.insert(0, "utterance", keys)
    table.to_csv(view / "utterances.csv", index=False)
