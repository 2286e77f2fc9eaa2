"""Stage `answer_features`: what acoustic experts are fed, for every recording of the table."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pyscorer.answers.answer_archives import AnswerFolders, read_answers
from pyscorer.answers.answer_measures import DEEP, STATES, HeardAnswer
from pyscorer.answers.fitting import fit_answers
from pyscorer.contract.files import atomic_directory, shown
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.proficiency.expert_features import save_inputs
from pyscorer.proficiency.pairs import UNSEEN, load_data

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AnswerOptions:
    """What the acoustic inputs are made of."""

    components: int = option(
        16, "directions of deep features that are kept, of most variance", ge=1
    )
    state_components: int = option(64, "the same of an encoder's states", ge=1)
    longest: int = option(60, "words of a sequence, at most", ge=1)


def answer_features(
    data: Path,
    recordings: list[Path],
    decoded: list[Path],
    ali: list[Path],
    gop: list[Path],
    pool: list[Path],
    out: Path,
    options: AnswerOptions,
    pool_encoded: list[Path] | None = None,
    second: list[Path] | None = None,
    view: list[Path] | None = None,
) -> None:
    """Write out/<kind>.npz of each kind of acoustic input, and out/encoder/.

    `data` is the folder of prepare_responses, by row. All others name two folders, of the training
    and the test split: `recordings` the data directories, `decoded` what a recogniser heard in
    them, `ali`, `gop` and `pool` the stages of these names on the transcripts (stage heard), and,
    where they are given, `pool_encoded` the pooled states of a pretrained encoder, `second` what
    another recogniser heard, `view` what recogniser_view says of the transcripts.

    The inputs follow the order of the table: values N x D, or N x T x D with lengths, float16.
    Scales, usual values of phones and directions of states are those of training rows alone.

    Raises InputError naming the file or utterance at fault.
    """
    table, _ = load_data(data)
    if table.by != "row":
        raise InputError(
            f"{data}: its items are pairs of prompt and transcript, not recordings: prepare the "
            "responses of data directories (prepare_responses --train-data ...)"
        )
    given = {
        **{"recordings": recordings, "decoded": decoded, "ali": ali, "gop": gop, "pool": pool},
        **{"pool_encoded": pool_encoded, "second": second, "view": view},
    }
    splits = _splits({name: paths for name, paths in given.items() if paths})
    keys, rows = table.keys, len(table.train)
    prompts = dict(zip(keys, table.prompts, strict=True))
    parts = [{key: prompts[key] for key in part} for part in (keys[:rows], keys[rows:])]

    def answers() -> Iterator[HeardAnswer]:
        for folders, wanted in zip(splits, parts, strict=True):
            yield from read_answers(folders, wanted)

    training = {key for key, fold in zip(keys, table.folds, strict=True) if fold != UNSEEN}
    kept = {DEEP: options.components, STATES: options.state_components}
    encoder, inputs = fit_answers(answers, keys, training, kept, options.longest)
    log.info("%d figures of %d answers; kinds: %s", len(encoder.names), len(keys), [*inputs])
    with atomic_directory(out) as part:
        save_inputs(part, inputs)
        encoder.save(part / "encoder")


def _splits(given: dict[str, list[Path]]) -> list[AnswerFolders]:
    for name, paths in given.items():
        if len(paths) != 2:
            raise InputError(
                f"--{name.replace('_', '-')}: {len(paths)} folders, first {shown(str(paths[0]))}: "
                "name two, of the training and the test split"
            )
    return [AnswerFolders(**{name: paths[i] for name, paths in given.items()}) for i in (0, 1)]
