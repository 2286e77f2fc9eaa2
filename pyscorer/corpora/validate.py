"""Stage `validate`: nothing goes into the pipeline that is not named as whole.

In the spirit of Kaldi's utils/validate_data_dir.sh and fix_data_dir.sh, with the audio decoded and
the labels read as well.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyscorer.contract.compact import SortedTable
from pyscorer.contract.datadir import LABEL_KEYS
from pyscorer.contract.durable import part_of
from pyscorer.contract.files import atomic_directory, atomic_open, write_entries, write_table
from pyscorer.contract.scales import read_scales, write_scales
from pyscorer.contract.tables import read_rows, write_csv
from pyscorer.corpora.audio_faults import AudioLimits, CheckedAudio, check_audio, placed
from pyscorer.corpora.faults import (
    attribute_fault,
    check_canonical,
    check_labels,
    check_lexicon,
    check_tables,
    recordings_of,
    utterance_tables,
)
from pyscorer.corpora.raw_tables import Fault, RawTable, entries_in_order
from pyscorer.corpora.respell import check_words, respell
from pyscorer.corpora.response_faults import check_responses, with_rows, write_responses_of
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import Lexicon, write_lexicon
from pyscorer.lexicon.syllables import STRESSES, Stresses, read_stresses, write_stresses
from pyscorer.options import option

SHOWN = 20
"""Faults that the error message itself lists."""


@dataclass(frozen=True)
class ValidateOptions:
    """What counts as a fault, and what to do about it."""

    drop_faulty: bool = option(
        False, "leave out faulty utterances, each listed in the report, and go on"
    )
    unknown_words: bool = option(
        False, "take words outside the lexicon (they become <UNK>): only warn"
    )
    clipped_share: float = option(
        0.01, "share of samples at full scale that makes clipped audio", ge=0, le=1
    )
    silent_peak: float = option(0.001, "audio that never exceeds this (of 1) is empty", ge=0)
    frames_per_phone: int = option(3, "10 ms frames that a phone of the text needs at least", ge=0)
    longest: float = option(
        3600, "seconds of an audio file that is not cut into segments, at most", gt=0, le=14400
    )
    allow_commands: bool = option(
        False, "run the commands of wav.scp (`sox ... |`) and keep the audio that they write"
    )
    command_seconds: int = option(60, "after which a command is stopped", ge=1)
    jobs: int = option(1, "threads that decode audio", ge=0)


def validate(data: Path, lexicon: Path, out: Path, report: Path, options: ValidateOptions) -> None:
    """Check the data directory `data` and write the valid one to `out`.

    Checked: ids (duplicates, order), text against audio against speakers, spk2utt against utt2spk,
    audio (missing, unreadable, cut short, wrong rate, empty, clipped, channels that cancel each
    other out, too short for its text, too long), segments, words against the lexicon, canonical
    phones, labels (range, rows without utterance and the reverse), prompts and judgements. Where
    there are prompts, there need be no text.

    `report` lists all faults: file, line (0: the whole file), utterance, fault, action (error,
    warning, dropped, repaired); it is written in any case. `out` holds the files of `data`, the
    lexicon as lexicon.txt, its stress digits as stress.txt, and utt2dur in seconds; paths in its
    wav.scp are absolute. With `allow_commands` it holds, in `audio`, what the commands of wav.scp
    wrote, and wav.scp names that. It appears whole or not at all.

    Texts are written as they are read aloud and as the lexicon spells their words (see
    `english_words`); the report says which of them changed.

    Raises InputError for any fault, unless `drop_faulty`: then faulty utterances are left out, and
    disorder is repaired. It raises also where a fault belongs to no utterance and cannot be
    repaired so, and where no utterance would be left.
    """
    with _spool(out, options.allow_commands) as outputs:
        _validate(data, lexicon, out, report, options, outputs)


@contextmanager
def _spool(out: Path, wanted: bool) -> Iterator[Path | None]:
    """A folder beside `out`, for as long as it is not known whether `out` will be written."""
    if not wanted:
        yield None
        return
    with part_of(out, ".audio") as folder:
        folder.mkdir()
        yield folder


def _validate(
    data: Path,
    lexicon: Path,
    out: Path,
    report: Path,
    options: ValidateOptions,
    outputs: Path | None,
) -> None:
    faults: list[Fault] = []
    tables = check_tables(data, faults)
    text = tables.get("text", RawTable(dict.fromkeys(tables["utt2spk"].values, "")))
    entries = check_lexicon(lexicon, faults, needed=any(text.values.values()))
    respelled = respell(data / "text", text, entries, faults)
    words: list[Fault] = []
    if not any(f.file == str(lexicon) and not f.mendable for f in faults):  # else it is said
        check_words(data, text, entries, faults, words)
    canonical = check_canonical(data, text, faults)
    check_labels(data, text, canonical, faults)
    check_responses(data, text.values, faults)

    def phones(key: str) -> int:
        said = text.values.get(key, "").split()
        return _fewest_phones(said, entries, canonical.get(key, {}))

    limits = AudioLimits(
        options.clipped_share,
        options.silent_peak,
        options.frames_per_phone,
        options.longest,
        options.command_seconds,
    )
    audio = check_audio(data, tables, phones, limits, options.jobs, faults, outputs)
    faults, words = with_rows(data, faults), with_rows(data, words)
    warned = words if options.unknown_words else []
    errors = faults if options.unknown_words else faults + words
    # Whatever is not an utterance's own is repaired by writing the files anew, but for the lexicon.
    fatal = [f for f in errors if f.file == str(lexicon) or not (f.utterance or f.mendable)]
    dropped = {f.utterance for f in errors if f.utterance} if options.drop_faulty else set()
    whole = _Kept([tables[name].values for name in utterance_tables(tables)], dropped)
    actions = [(f, _action(f, fatal, options.drop_faulty)) for f in errors]
    actions += [(f, "warning") for f in warned] + [(f, "repaired") for f in respelled]
    _write_report(report, actions)

    stopping = fatal if options.drop_faulty else errors
    if stopping:
        raise InputError(_message(data, stopping, report, options.drop_faulty))
    if not whole:
        shown = [f"  {fault}" for fault in errors[:SHOWN]]
        raise InputError("\n".join([f"{data}: no utterance is left; faults in {report}", *shown]))
    stresses = read_stresses(data / STRESSES if (data / STRESSES).exists() else lexicon)
    _write_valid(data, out, tables, entries, stresses, audio, whole)
    _print_summary(data, out, report, whole, dropped & text.values.keys(), errors, warned)
    if respelled:
        print(f"{len(respelled)} texts are written as they are read: {respelled[0]}", flush=True)


class _Kept(Collection[str]):
    """The utterances that all tables have, but for those that are dropped, in order."""

    def __init__(self, tables: list[Mapping[str, str]], dropped: set[str]) -> None:
        self._first, *others = tables
        lacking = (k for k in self._first if k in dropped or any(k not in o for o in others))
        self._left_out = set(lacking)

    def __contains__(self, key: object) -> bool:
        return key in self._first and key not in self._left_out

    def __iter__(self) -> Iterator[str]:
        keys = self._first if isinstance(self._first, SortedTable) else sorted(self._first)
        return (key for key in keys if key not in self._left_out)

    def __len__(self) -> int:
        return len(self._first) - len(self._left_out)


def _action(fault: Fault, fatal: list[Fault], drop: bool) -> str:
    if not drop or fault in fatal:
        return "error"
    return "dropped" if fault.utterance else "repaired"


def _fewest_phones(
    words: list[str], lexicon: Lexicon, canonical: dict[int, tuple[str, ...]]
) -> int:
    """Phones in the shortest pronunciation of a text."""
    number = 0
    for index, word in enumerate(words):
        variants = [canonical[index]] if index in canonical else lexicon.get(word, [("SPN",)])
        number += min(len(v) for v in variants)
    return number


def _write_report(report: Path, actions: Iterable[tuple[Fault, str]]) -> None:
    rows = ([f.file, f.line, f.utterance, f.fault, action] for f, action in actions)
    write_csv(report, ["file", "line", "utterance", "fault", "action"], rows)


def _message(data: Path, faults: list[Fault], report: Path, drop: bool) -> str:
    lines = [f"{data}: {len(faults)} faults" + (" that dropping cannot mend" if drop else "")]
    lines += [f"  {fault}" for fault in faults[:SHOWN]]
    if len(faults) > SHOWN:
        lines.append(f"  ... and {len(faults) - SHOWN} more")
    lines.append(f"All are listed in {report}.")
    if not drop:
        lines.append("Mend them, or set drop_faulty to go on without the utterances concerned.")
    return "\n".join(lines)


def _write_valid(
    data: Path,
    out: Path,
    tables: dict[str, RawTable],
    lexicon: Lexicon,
    stresses: Stresses,
    audio: CheckedAudio,
    whole: Collection[str],
) -> None:
    """Write the files anew: sorted, in UTF-8, with the utterances of `whole` alone."""
    with atomic_directory(out) as folder:
        for name in utterance_tables(tables):
            write_entries(folder / name, ((k, tables[name].values[k]) for k in whole))
        spk2utt: dict[str, bytearray] = defaultdict(bytearray)  # lists of strings take five times
        for key in whole:
            spk2utt[tables["utt2spk"].values[key]] += f" {key}".encode()
        write_table(folder / "spk2utt", {s: keys.decode()[1:] for s, keys in spk2utt.items()})
        for name in ("spk2age", "spk2gender", "canonical"):
            if (data / name).exists():
                rows = entries_in_order(data / name)
                if name == "canonical":
                    kept = ((k, v) for k, v in rows if k.rpartition(".")[0] in whole)
                else:
                    kept = (
                        (k, v) for k, v in rows if k in spk2utt and not attribute_fault(name, v)
                    )
                write_entries(folder / name, kept)
        copy_labels(data, folder, whole)
        _write_audio(data, out, folder, tables, audio, whole)
        write_entries(folder / "utt2dur", ((k, f"{audio.seconds[k]:.3f}") for k in whole))
        write_lexicon(folder / "lexicon.txt", lexicon)
        write_stresses(folder, stresses)


def copy_labels(data: Path, folder: Path, whole: Container[str]) -> None:
    """Copy the labels of the utterances `whole`: score tables, scales, classes, judgements."""
    scales = read_scales(data)
    write_scales(folder, scales)
    for level in LABEL_KEYS:
        name, aspects = f"{level}_scores.csv", [*scales.level(level)]
        if (data / name).exists() and aspects:
            _write_labels(data / name, folder / name, aspects, whole)
    write_responses_of(data, folder, whole)


def _write_audio(
    data: Path,
    out: Path,
    folder: Path,
    tables: dict[str, RawTable],
    audio: CheckedAudio,
    whole: Collection[str],
) -> None:
    """wav.scp with absolute paths, and what commands wrote, in the folder that becomes `out`."""

    def entries() -> Iterator[tuple[str, str]]:
        for key in recordings_of(tables, whole):
            if key in audio.written:
                target = folder / "audio" / audio.written[key].name
                target.parent.mkdir(exist_ok=True)
                audio.written[key].replace(target)
                yield key, str((out / "audio" / target.name).absolute())
            else:
                yield key, placed(tables["wav.scp"].values[key], data)

    write_entries(folder / "wav.scp", entries())


def _write_labels(source: Path, target: Path, aspects: list[str], whole: Container[str]) -> None:
    """Copy the rows of `whole`, with commas between cells and points in numbers."""
    with atomic_open(target) as stream:
        writer = None
        for _, row in read_rows(source, ["utterance", *aspects], wrong=lambda *_: None):
            row.pop("", None)
            if writer is None:
                writer = csv.DictWriter(stream, list(row), lineterminator="\n")
                writer.writeheader()
            if row["utterance"] in whole:
                writer.writerow(row | {a: row[a].replace(",", ".") for a in aspects})


def _print_summary(
    data: Path,
    out: Path,
    report: Path,
    whole: Collection[str],
    dropped: Collection[str],
    errors: list[Fault],
    warned: list[Fault],
) -> None:
    print(f"{data}: {len(whole)} utterances are valid, written to {out}", flush=True)
    if errors:
        repaired = sum(not f.utterance for f in errors)
        print(f"dropped {len(dropped)} faulty utterances, repaired {repaired} faults of files:")
        by_utterance = Counter(f.utterance for f in errors if f.utterance)
        for fault in errors:
            if fault.utterance in by_utterance:
                more = by_utterance.pop(fault.utterance) - 1
                print(f"  dropped {fault}" + (f" (and {more} more faults)" if more else ""))
            elif not fault.utterance:
                print(f"  repaired {fault}")
    if warned:
        print(f"warnings: {len(warned)} words outside the lexicon")
    print(f"report: {report}", flush=True)
