"""A smaller part of a corpus split: whole speakers, chosen to look like the whole."""

import hashlib
from collections import defaultdict

import pandas as pd

from pyscorer.contract.scales import Scales
from pyscorer.corpora.part import CorpusPart
from pyscorer.errors import InputError


def select_speakers(part: CorpusPart, number: int, seed: int) -> list[str]:
    """Choose `number` whole speakers of `part`, deterministically for `seed`.

    Strata are child/adult x gender, as far as known; each gets its proportional share (largest
    remainders). Within a stratum speakers are taken at even steps through their order by mean
    score (that which stands for all, else the mean of all, else the class of responses), or by a
    hash of their name where there are no scores.

    Raises InputError if there are fewer speakers than asked for.
    """
    speakers = sorted(part.speakers)
    if not 0 < number <= len(speakers):
        raise InputError(f"speakers: {number} were asked for, the split has {len(speakers)}")
    scores = _mean_scores(part)
    strata: dict[str, list[str]] = defaultdict(list)
    for speaker in speakers:
        strata[_stratum(part.data.speakers.get(speaker, {}), part.scales)].append(speaker)
    chosen = []
    for name, quota in _quotas({n: len(s) for n, s in strata.items()}, number).items():
        order = sorted(strata[name], key=lambda s: (scores.get(s, 0.0), _hash(s, seed)))
        # The middle of each of `quota` equal slices; the seed shifts it within the slice.
        shift = 0.5 if seed == 0 else _hash(name, seed)
        chosen += [order[int((i + shift) * len(order) / quota)] for i in range(quota)]
    return sorted(chosen)


def _hash(text: str, seed: int) -> float:
    """A number in [0, 1) that depends on nothing but its arguments."""
    return int.from_bytes(hashlib.sha256(f"{seed} {text}".encode()).digest()[:6]) / 2**48


def _stratum(attributes: dict[str, str], scales: Scales) -> str:
    # Without the word `unknown`: the seed's choice within a stratum hangs on its name.
    group = (scales.age_group(attributes.get("age")) or "").replace("unknown", "")
    return f"{group} {attributes.get('gender', '')}".strip()


def _mean_scores(part: CorpusPart) -> dict[str, float]:
    """Of every speaker the mean of his utterances' scores."""
    if "utterance" in part.labels:
        table = part.labels["utterance"].set_index("utterance")
        if part.scales.overall in table:
            values = table[part.scales.overall].dropna()
        else:
            # On one scale, before they are averaged.
            scaled = {
                aspect: (table[aspect] - low) / (high - low)
                for aspect, (low, high) in part.scales.utterance.items()
                if aspect in table
            }
            values = pd.DataFrame(scaled, index=table.index).mean(axis=1).dropna()
        found = {str(key): float(value) for key, value in values.items()}
    else:
        found = {key: float(-number) for key, number in part.response_labels.items()}
    sums: dict[str, list[float]] = defaultdict(list)
    for key, value in found.items():
        sums[part.data.utterances[key].speaker].append(value)
    return {speaker: sum(values) / len(values) for speaker, values in sums.items()}


def _quotas(sizes: dict[str, int], number: int) -> dict[str, int]:
    total = sum(sizes.values())
    exact = {name: number * size / total for name, size in sizes.items()}
    quotas = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(sizes, key=lambda n: (quotas[n] - exact[n], n))
    for name in by_remainder[: number - sum(quotas.values())]:
        quotas[name] += 1
    return {name: quota for name, quota in quotas.items() if quota}
