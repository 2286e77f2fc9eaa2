"""Stage `prepare`: a corpus split as published in, a Kaldi data directory with labels out."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.files import atomic_directory
from pyscorer.corpora.conversion import with_readable_audio
from pyscorer.corpora.manifests import Manifest, check_there, corpora_root, load_manifest
from pyscorer.corpora.part import CorpusPart, write_part
from pyscorer.corpora.sources import write_recordings
from pyscorer.corpora.speakers import select_speakers
from pyscorer.corpora.take_split import check_split, take_split
from pyscorer.options import option


@dataclass(frozen=True)
class PrepareOptions:
    """What part of the split to take."""

    speakers: int = option(
        0, "whole speakers to take, spread over scores, age and gender; 0: all", ge=0
    )
    seed: int = option(0, "seed of the choice of speakers", ge=0)
    manifests: Path | None = option(
        None, "folder of your own corpus manifests, searched before those of pyscorer"
    )
    jobs: int = option(1, "processes that copy audio of other rates than 16 kHz", ge=0)


def prepare(
    corpus: str, split: str, out: Path, options: PrepareOptions, root: Path | None = None
) -> None:
    """Write the Kaldi data directory `out` of one split of a corpus below `root`.

    `out` gets text, prompts, wav.scp (absolute paths), utt2spk, spk2utt, spk2age, spk2gender,
    canonical, the label tables with scales.json and classes.json, lexicon.txt, and its stress
    digits in stress.txt, as far as the corpus has them. Audio of another rate than 16 kHz is copied
    at that rate to out/audio. `out` appears whole or not at all. `out/recordings` lists the audio
    that it was made of. Without `root`, the environment's PYSCORER_CORPORA is taken, else
    `downloads`.

    Raises InputError if the corpus is not there, with what to do, and for inconsistent files.
    """
    manifest = load_manifest(corpus, options.manifests)
    check_split(manifest, split)  # before it is asked whether the corpus is there
    root = corpora_root(root)
    check_there(manifest, root)
    folder = manifest.place(root)
    whole = take_split(manifest, folder, split)
    part = whole
    if options.speakers:
        part = whole.only(select_speakers(whole, options.speakers, options.seed))
    with atomic_directory(out) as made:
        write_recordings(made, (u.audio for u in part.data.utterances.values()))
        if manifest.sample_rate != SAMPLE_RATE:
            part = with_readable_audio(part, made, out, options.jobs)
        write_part(made, part)
    for line in _summary(manifest, split, folder, whole, part):
        print(line, flush=True)


def _summary(
    manifest: Manifest, split: str, folder: Path, whole: CorpusPart, part: CorpusPart
) -> list[str]:
    """What was taken of what, and where that differs from the published size."""
    speakers, taken = whole.speakers, part.speakers
    lines = [
        f"{manifest.title}",
        f"corpus {manifest.name}, split {split}, from {folder}: took "
        f"{len(part.data.utterances)} of {len(whole.data.utterances)} utterances, "
        f"{len(taken)} of {len(speakers)} speakers",
    ]
    genders = Counter(part.data.speakers.get(s, {}).get("gender", "unknown") for s in taken)
    lines.append("gender: " + ", ".join(f"{g} {n}" for g, n in sorted(genders.items())))
    if len(taken) < len(speakers):
        lines.append("speakers: " + " ".join(sorted(taken)))
    for level, table in part.labels.items():
        for aspect, (low, high) in part.scales.level(level).items():
            if aspect not in table:
                continue
            known = table[aspect].dropna()
            if manifest.own and len(known):
                spread = f"{known.min():g} to {known.max():g}, mean {known.mean():.3g}"
                lines.append(f"{level} {aspect}: {spread}, on a scale of {low:g} to {high:g}")
            if gaps := len(table) - len(known):
                said = "nobody scored it" if gaps == len(table) else "left out there"
                lines.append(f"{level} {aspect}: {gaps} of {len(table)} without a score, {said}")
    if part.classes:
        judged = Counter(part.response_labels.values())
        counts = [f"{name} {judged[i]}" for i, name in enumerate(part.classes.names)]
        lines.append(f"judged: {len(part.response_labels)} utterances: {', '.join(counts)}")
    published = manifest.splits[split]
    for what, found, expected in (
        ("utterances", len(whole.data.utterances), published.utterances),
        ("speakers", len(speakers), published.speakers),
    ):
        if expected is not None and found != expected:
            lines.append(f"WARNING: {what}: {found} found, the published split has {expected}")
    return lines
