"""Stage (ii) of the training: the scoring module learns synthetic scores of unlabelled speech."""

from pathlib import Path

from pyscorer.pronunciation.scorer import ScorerOptions
from pyscorer.pronunciation.train_scorer import Sources, TestSources, train_and_test


def pretrain_scorer(
    train_data: Path,
    train_pool: Path,
    synthetic: Path,
    test_data: Path,
    test_pool: Path,
    out: Path,
    options: ScorerOptions,
    copies: list[Path] | None = None,
    splices: Path | None = None,
    unlabelled: list[Path] | None = None,
    train_frames: Path | None = None,
    test_frames: Path | None = None,
    copies_frames: list[Path] | None = None,
) -> None:
    """Train the scoring module on synthetic scores: stage (ii) of Lin & Wang 2021, section 2.3.

    `synthetic` is scores.csv of synthetic_scores, `splices` the splices.csv beside it, `copies` are
    pooled directories of perturbed copies of the train split, `unlabelled` those of other speech.
    As in train_scorer there is a module for each seed and fold. The module of fold k learns column
    `without_<k>` of the utterances, copies and spliced utterances of the other folds, and of other
    speech of all that is not by a speaker of fold k, so that nothing derived from the human scores
    of fold k is in it; the epoch kept is the best by the synthetic scores of fold k, of the train
    split alone. Frames are those of train_scorer; `copies_frames` are of `copies` and of
    `unlabelled` after them.

    Writes what train_scorer writes; there, go on from it with --start. PCCs are with human scores
    but for `valid_pcc` (and train_log.csv), which is with the synthetic ones.

    Raises InputError for an utterance or copy without a synthetic score, or other folds.
    """
    more = (*(copies or ()), *(unlabelled or ()))
    sources = Sources(
        *(train_data, train_pool, None, synthetic, more, splices, train_frames),
        tuple(copies_frames or ()),
    )
    test = TestSources(test_data, test_pool, test_frames)
    train_and_test(sources, test, out, options, "pretrain_scorer")
