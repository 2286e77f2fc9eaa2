"""Stage `prepare`: a corpus split as published in, a Kaldi data directory with labels out."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pyscorer.contract.files import atomic_directory
from pyscorer.corpora.manifests import MANIFESTS, Manifest, corpora_root, load_manifest, load_reader
from pyscorer.corpora.part import CorpusPart, write_part
from pyscorer.corpora.speakers import select_speakers
from pyscorer.errors import InputError
from pyscorer.options import option


@dataclass(frozen=True)
class PrepareOptions:
    """What part of the split to take."""

    speakers: int = option(
        0, "whole speakers to take, spread over scores, age and gender; 0: all", ge=0
    )
    seed: int = option(0, "seed of the choice of speakers", ge=0)
    manifests: Path | None = option(
        None, "folder of the corpus manifests; without it, the repository's data_manifests"
    )


def prepare(
    corpus: str, split: str, out: Path, options: PrepareOptions, root: Path | None = None
) -> None:
    """Write the Kaldi data directory `out` of one split of a corpus below `root`.

    `out` gets text, wav.scp (absolute paths), utt2spk, spk2utt, spk2age, spk2gender, canonical,
    the label tables and lexicon.txt, as far as the corpus has them. It appears whole or not at
    all. Without `root`, the environment's PYSCORER_CORPORA is taken, else `downloads`.

    Raises InputError if the corpus is not there, with what to do, and for inconsistent files.
    """
    manifest = load_manifest(corpus, options.manifests or MANIFESTS)
    if split not in manifest.splits:
        known = ", ".join(manifest.splits)
        raise InputError(f"corpus {corpus} has no split {split}; it has: {known}")
    root = corpora_root(root)
    missing = manifest.missing(root)
    if missing:
        raise InputError(
            f"{root / manifest.folder}: corpus {corpus} is not there (no {missing[0]}). Run "
            f"`pyscorer download --corpus {corpus} --root {root}`, or set PYSCORER_CORPORA or "
            f"--root to the folder that holds {manifest.folder}/"
        )
    whole = load_reader(manifest)(root / manifest.folder, split)
    part = whole
    if options.speakers:
        part = whole.only(select_speakers(whole, options.speakers, options.seed))
    with atomic_directory(out) as folder:
        write_part(folder, part)
    for line in _summary(manifest, split, root, whole, part):
        print(line, flush=True)


def _summary(
    manifest: Manifest, split: str, root: Path, whole: CorpusPart, part: CorpusPart
) -> list[str]:
    """What was taken of what, and where that differs from the published size."""
    speakers = {u.speaker for u in whole.data.utterances.values()}
    taken = {u.speaker for u in part.data.utterances.values()}
    lines = [
        f"{manifest.title}",
        f"corpus {manifest.name}, split {split}, from {root / manifest.folder}: took "
        f"{len(part.data.utterances)} of {len(whole.data.utterances)} utterances, "
        f"{len(taken)} of {len(speakers)} speakers",
    ]
    genders = Counter(part.data.speakers.get(s, {}).get("gender", "unknown") for s in taken)
    lines.append("gender: " + ", ".join(f"{g} {n}" for g, n in sorted(genders.items())))
    if len(taken) < len(speakers):
        lines.append("speakers: " + " ".join(sorted(taken)))
    for level, table in part.labels.items():
        for aspect in part.scales.level(level):
            if gaps := int(table[aspect].isna().sum()):
                said = "nobody scored it" if gaps == len(table) else "left out there"
                lines.append(f"{level} {aspect}: {gaps} of {len(table)} without a score, {said}")
    published = manifest.splits[split]
    for what, found, expected in (
        ("utterances", len(whole.data.utterances), published.utterances),
        ("speakers", len(speakers), published.speakers),
    ):
        if expected is not None and found != expected:
            lines.append(f"WARNING: {what}: {found} found, the published split has {expected}")
    return lines
