"""Stage `label`: a valid data directory with the labels that its corpus has now."""

import shutil
import tempfile
from pathlib import Path

from pyscorer.contract.datadir import read_data_dir
from pyscorer.contract.files import atomic_directory
from pyscorer.corpora.faults import check_canonical, check_labels, check_tables
from pyscorer.corpora.manifests import check_there, corpora_root, load_manifest
from pyscorer.corpora.part import write_part
from pyscorer.corpora.raw_tables import Fault, RawTable
from pyscorer.corpora.response_faults import check_responses, with_rows
from pyscorer.corpora.sources import LABEL_TABLES
from pyscorer.corpora.take_split import take_split
from pyscorer.corpora.validate import SHOWN, copy_labels
from pyscorer.errors import InputError


def label(
    data: Path,
    corpus: str,
    split: str,
    out: Path,
    root: Path | None = None,
    manifests: Path | None = None,
) -> None:
    """Write `out`: the data directory `data` of `validate`, its labels read from the corpus again.

    So a label that is edited is noticed by those stages alone that read labels. Utterances, texts
    and audio are those of `data`; score tables, scales, classes and judgements are those that the
    corpus has now. Its folder is found as `prepare` finds it; `manifests` is a folder of manifests
    of one's own. `out` appears whole or not at all.

    Raises InputError for labels of utterances of `data` that are none.
    """
    manifest = load_manifest(corpus, manifests)
    root = corpora_root(root)
    check_there(manifest, root)
    whole = set(read_data_dir(data).utterances)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as temporary:
        now = Path(temporary)
        write_part(now, take_split(manifest, manifest.place(root), split))
        faults = [
            f for f in _faults(now) if f.utterance in whole or not (f.utterance or f.mendable)
        ]
        if faults:
            lines = [f"{data}: {len(faults)} faults of labels", *(f"  {f}" for f in faults[:SHOWN])]
            raise InputError("\n".join(lines))
        with atomic_directory(out) as folder:
            for file in data.iterdir():
                if file.is_file() and file.name not in LABEL_TABLES:
                    shutil.copyfile(file, folder / file.name)
            copy_labels(now, folder, whole)


def _faults(now: Path) -> list[Fault]:
    """What is wrong with the labels of a prepared data directory."""
    faults: list[Fault] = []
    tables = check_tables(now, [])
    text = tables.get("text", RawTable(dict.fromkeys(tables["utt2spk"].values, "")))
    check_labels(now, text, check_canonical(now, text, []), faults)
    check_responses(now, text.values, faults)
    return with_rows(now, faults)
