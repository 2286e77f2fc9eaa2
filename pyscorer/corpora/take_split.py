"""A split of a corpus, published or anyone's own, with all that its manifest says of it."""

from dataclasses import replace
from functools import cache
from pathlib import Path

from pyscorer.contract.datadir import DataDir
from pyscorer.corpora.manifests import Manifest, load_reader
from pyscorer.corpora.own_corpus import read_own
from pyscorer.corpora.part import CorpusPart
from pyscorer.corpora.splits import split_by_rule
from pyscorer.errors import InputError


def check_split(manifest: Manifest, split: str) -> None:
    """Raises InputError, naming the splits that there are, for one that the manifest lacks."""
    if split not in manifest.splits:
        known = ", ".join(manifest.splits)
        raise InputError(f"corpus {manifest.name} has no split {split}; it has: {known}")


def take_split(manifest: Manifest, folder: Path, split: str) -> CorpusPart:
    """A split of the corpus in `folder`.

    Raises InputError as its reader, for what rules of the manifest do not fit, and for a class that
    hangs on a score that the corpus does not have.
    """
    check_split(manifest, split)
    part = _of_reader(manifest, folder, split) if manifest.reader else _own(manifest, folder, split)
    return _judged(manifest, _prompted(part) if manifest.prompt_is_text else part)


def _of_reader(manifest: Manifest, folder: Path, split: str) -> CorpusPart:
    read = load_reader(manifest)
    if manifest.splits[split].by_rule:
        groups = sorted({s for n, rule in manifest.splits.items() for s in rule.sources or (n,)})
        part = split_by_rule(
            manifest, folder, split, groups, cache(lambda name: read(folder, name))
        )
    else:
        part = read(folder, split)
    return replace(part, scales=manifest.scales)


def _own(manifest: Manifest, folder: Path, split: str) -> CorpusPart:
    whole, group_of = read_own(manifest, folder)
    groups = sorted(set(group_of.values()))

    def group(name: str) -> CorpusPart:
        return whole.where(lambda u: group_of.get(u.key) == name) if groups else whole

    return split_by_rule(manifest, folder, split, groups, group)


def _prompted(part: CorpusPart) -> CorpusPart:
    """Every text is its utterance's prompt."""
    utterances = {
        key: replace(u, prompt=" ".join(u.words)) for key, u in part.data.utterances.items()
    }
    return replace(part, data=DataDir(utterances, part.data.speakers))


def _judged(manifest: Manifest, part: CorpusPart) -> CorpusPart:
    """With the classes that a score stands for."""
    rule = manifest.classes
    if rule is None or rule.score is None:
        return part
    scores = part.labels.get("utterance")
    if scores is None or rule.score not in scores:
        raise InputError(
            f"{manifest.path}: classes: no utterance score {rule.score}; the corpus has "
            f"{', '.join(part.scales.utterance) or 'none'}"
        )
    known = scores.dropna(subset=[rule.score])
    found = {
        str(key): int(score < rule.at_least)
        for key, score in zip(known["utterance"], known[rule.score], strict=True)
    }
    return replace(part, classes=rule.classes, response_labels=found)
