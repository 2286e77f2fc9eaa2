"""One split of a corpus in memory: what every reader returns, and how it is written."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from pyscorer.contract.classes import LABELS, Classes, write_classes
from pyscorer.contract.datadir import DataDir, Utterance, write_data_dir
from pyscorer.contract.files import atomic_open, write_table
from pyscorer.contract.scales import SPEECHOCEAN, Scales, write_scales
from pyscorer.contract.tables import write_csv
from pyscorer.lexicon.dictionary import Lexicon, write_lexicon
from pyscorer.lexicon.syllables import Stresses, write_stresses

ROWS = "rows"
"""In a prepared data directory: utterance, then the file and line that it is from."""


@dataclass(frozen=True)
class CorpusPart:
    """A data directory, its label tables by level, and the corpus's lexicon."""

    data: DataDir
    lexicon: Lexicon
    labels: dict[str, pd.DataFrame] = field(default_factory=dict)
    scales: Scales = SPEECHOCEAN
    """Of the label tables."""
    classes: Classes | None = None
    """What responses are judged as; None: nobody judged them."""
    response_labels: dict[str, int] = field(default_factory=dict)
    """Utterance -> number of its class, where it was judged."""
    rows: dict[str, str] = field(default_factory=dict)
    """Utterance -> file and line that it is from, where a user's own table names it."""
    channels: dict[str, int] = field(default_factory=dict)
    """Key of wav.scp -> channel, from 0 on, where it is not the mean of all."""
    stresses: Stresses = field(default_factory=dict)
    """The pronunciations of `lexicon` that have stress digits."""

    def only(self, speakers: Collection[str]) -> "CorpusPart":
        """The part that belongs to `speakers`; the lexicon stays whole."""
        part = self.where(lambda u: u.speaker in speakers)
        known = {s: a for s, a in self.data.speakers.items() if s in speakers}
        return replace(part, data=DataDir(part.data.utterances, known))

    def where(self, wanted: Callable[[Utterance], bool]) -> "CorpusPart":
        """The part of the utterances that are `wanted`; speakers and lexicon stay whole."""
        kept = {k: u for k, u in self.data.utterances.items() if wanted(u)}
        labels = {
            level: table[table["utterance"].isin(kept.keys())].reset_index(drop=True)
            for level, table in self.labels.items()
        }
        return replace(
            self,
            data=DataDir(kept, self.data.speakers),
            labels=labels,
            response_labels={k: c for k, c in self.response_labels.items() if k in kept},
            rows={k: row for k, row in self.rows.items() if k in kept},
        )

    @property
    def speakers(self) -> set[str]:
        """Who speaks in it."""
        return {u.speaker for u in self.data.utterances.values()}


def joined(parts: Sequence[CorpusPart]) -> CorpusPart:
    """Parts of one corpus, which have no utterance in common, as one."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    tables = {level for part in parts for level in part.labels}
    return replace(
        first,
        data=DataDir(
            {k: u for part in parts for k, u in part.data.utterances.items()},
            {s: a for part in parts for s, a in part.data.speakers.items()},
        ),
        lexicon={w: v for part in parts for w, v in part.lexicon.items()},
        stresses={w: v for part in parts for w, v in part.stresses.items()},
        labels={
            level: pd.concat(
                [p.labels[level] for p in parts if level in p.labels], ignore_index=True
            )
            for level in sorted(tables)
        },
        response_labels={k: c for part in parts for k, c in part.response_labels.items()},
        rows={k: row for part in parts for k, row in part.rows.items()},
        channels={k: c for part in parts for k, c in part.channels.items()},
    )


def write_part(path: Path, part: CorpusPart) -> None:
    """Write what `part` has into `path`: Kaldi files, label tables, scales, classes, lexicon."""
    write_data_dir(path, part.data)
    write_lexicon(path / "lexicon.txt", part.lexicon)
    write_stresses(path, part.stresses)
    write_scales(path, part.scales)
    for level, table in part.labels.items():
        with atomic_open(path / f"{level}_scores.csv") as stream:
            table.to_csv(stream, index=False, lineterminator="\n")
    if part.classes:
        write_classes(path, part.classes)
        names, labels = part.classes.names, sorted(part.response_labels.items())
        rows = ([key, names[label]] for key, label in labels)
        write_csv(path / LABELS, ["utterance", "class"], rows)
    if part.rows:
        write_table(path / ROWS, part.rows)
