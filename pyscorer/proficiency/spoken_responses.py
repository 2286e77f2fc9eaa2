"""Responses of data directories: prompts, classes and labels, and what a recogniser heard."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pyscorer.contract.characters import plain
from pyscorer.contract.classes import LABELS, Classes, read_classes, read_response_labels
from pyscorer.contract.datadir import read_data_dir
from pyscorer.contract.decoded import TEXT, read_transcripts
from pyscorer.contract.files import read_table, shown
from pyscorer.corpora.spoken_call import Response
from pyscorer.errors import InputError, naming
from pyscorer.lexicon.normalise import transcript_text
from pyscorer.options import option

log = logging.getLogger(__name__)
NAMED = 10
"""How many utterances or speakers an error names."""


@dataclass(frozen=True)
class SpokenPaths:
    """Where recorded responses are, and whom their models have heard."""

    train_data: Path | None = option(
        None, "data directory of the training responses: prompts, classes.json, labels"
    )
    test_data: Path | None = option(None, "the same of the test responses")
    train_decoded: Path | None = option(
        None, "what a recogniser heard in train_data (hyp.text); without it its text"
    )
    test_decoded: Path | None = option(None, "the same of test_data")
    acoustic_data: tuple[Path, ...] = option(
        (), "data directories that the acoustic and language models learnt from"
    )


NO_PATHS = SpokenPaths()


def read_spoken(paths: SpokenPaths) -> tuple[list[Response], list[Response], Classes]:
    """Training and test responses of the data directories.

    Utterances without a label are left out, and counted in the log. Raises InputError naming the
    file and the utterance for classes that differ, a label outside of them, a labelled utterance
    without a prompt or a transcript, and where no utterance has a label.
    """
    if paths.train_data is None or paths.test_data is None:
        raise InputError("--train-data and --test-data go together: give both or none")
    if (paths.train_decoded is None) != (paths.test_decoded is None):
        raise InputError("--train-decoded and --test-decoded go together: give both or none")
    classes = read_classes(paths.train_data)
    if read_classes(paths.test_data) != classes:
        raise InputError(
            f"{paths.test_data}/classes.json: not the classes of {paths.train_data}/classes.json: "
            "both splits need the same, in one order"
        )
    train = _read_split(paths.train_data, paths.train_decoded, classes)
    return train, _read_split(paths.test_data, paths.test_decoded, classes), classes


def _read_split(data: Path, decoded: Path | None, classes: Classes) -> list[Response]:
    labels = read_response_labels(data, classes)
    utterances = read_data_dir(data).utterances
    if unknown := [key for key in labels if key not in utterances]:
        raise InputError(f"{data / LABELS}: {_named(unknown, 'utterance')} not in {data}/utt2spk")
    if not labels:
        raise InputError(f"{data / LABELS}: no utterance has a class: nothing to learn or to judge")
    if len(labels) < len(utterances):
        unlabelled = len(utterances) - len(labels)
        log.warning("%s: %d of %d left out: no class", data, unlabelled, len(utterances))
    heard = _transcripts(data, decoded, labels)
    responses = []
    for key, utterance in utterances.items():
        if key not in labels:
            continue
        with naming(f"{data / 'prompts'}: {shown(key)}"):
            prompt = plain(utterance.prompt or "")
            if not prompt:
                raise InputError("no prompt, though the response has a class: add it")
        with naming(f"{decoded / TEXT if decoded else data / 'text'}: {shown(key)}"):
            transcript = transcript_text(heard[key])
        responses.append(Response(key, prompt, transcript, labels[key], utterance.speaker))
    return responses


def _transcripts(data: Path, decoded: Path | None, labels: Iterable[str]) -> dict[str, str]:
    file = decoded / TEXT if decoded else data / "text"
    if not decoded and not file.exists():
        raise InputError(f"{file}: no such file: give --train-decoded and --test-decoded")
    heard = read_transcripts(decoded) if decoded else read_table(file)
    if lacking := [key for key in labels if key not in heard]:
        again = "decode the whole split again" if decoded else "transcribe them"
        raise InputError(
            f"{file}: lacks {_named(lacking, 'labelled utterance')} of {data}: {again}"
        )
    return heard


def check_speakers(
    train: Iterable[Response],
    test: Iterable[Response],
    paths: SpokenPaths,
    allow_shared: bool,
    allow_known: bool,
) -> None:
    """Raises InputError naming speakers of both splits, unless they are allowed, and speakers that
    the acoustic or language model has heard.
    """
    of_train, of_test = ({r.speaker for r in rows} for rows in (train, test))
    if not allow_shared and (shared := sorted(of_train & of_test)):
        raise InputError(
            f"{paths.test_data}/utt2spk: {_named(shared, 'speaker')} also in {paths.train_data}: "
            "figures would be of speakers that the experts know; split by speaker, or set "
            "allow_shared_speakers"
        )
    if allow_known:
        return
    for data in paths.acoustic_data:
        known = set(read_table(data / "utt2spk").values())
        if heard := sorted(known & (of_train | of_test)):
            raise InputError(
                f"{data}/utt2spk: {_named(heard, 'speaker')} also among those of the responses "
                f"({paths.train_data}, {paths.test_data}): the acoustic model has heard them, and "
                "their transcripts would be better than those of new speakers; take them out of "
                "acoustic_data, or set allow_known_speakers"
            )


def _named(names: list[str], kind: str) -> str:
    """`1 speaker (anna)`, `12 speakers (anna, ben, ...)`."""
    listed = ", ".join(shown(name) for name in names[:NAMED])
    more = ", ..." if len(names) > NAMED else ""
    return f"{len(names)} {kind}{'' if len(names) == 1 else 's'} ({listed}{more})"
