"""One split of a corpus in memory: what every reader returns, and how it is written."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from pyscorer.contract.datadir import DataDir, write_data_dir
from pyscorer.contract.files import atomic_open
from pyscorer.contract.scales import SPEECHOCEAN, Scales
from pyscorer.lexicon.dictionary import Lexicon, write_lexicon


@dataclass(frozen=True)
class CorpusPart:
    """A data directory, its label tables by level, and the corpus's lexicon."""

    data: DataDir
    lexicon: Lexicon
    labels: dict[str, pd.DataFrame] = field(default_factory=dict)
    scales: Scales = SPEECHOCEAN
    """Of the label tables."""

    def only(self, speakers: Collection[str]) -> "CorpusPart":
        """The part that belongs to `speakers`; the lexicon stays whole."""
        kept = {k: u for k, u in self.data.utterances.items() if u.speaker in speakers}
        data = DataDir(kept, {s: a for s, a in self.data.speakers.items() if s in speakers})
        labels = {
            level: table[table["utterance"].isin(kept.keys())].reset_index(drop=True)
            for level, table in self.labels.items()
        }
        return replace(self, data=data, labels=labels)


def write_part(path: Path, part: CorpusPart) -> None:
    """Write Kaldi files, `<level>_scores.csv` and `lexicon.txt` into `path`."""
    write_data_dir(path, part.data)
    write_lexicon(path / "lexicon.txt", part.lexicon)
    for level, table in part.labels.items():
        with atomic_open(path / f"{level}_scores.csv") as stream:
            table.to_csv(stream, index=False, lineterminator="\n")
