"""What every measure keeps: a name, as many columns as it says, one row a phone."""

import numpy as np
import pytest
import torch

from pyscorer.alignment.gmm_model import initial_gmm
from pyscorer.chain.tree import monophone_tree
from pyscorer.contract.phones import ARPABET, PHONES
from pyscorer.contract.recording import (
    Frames,
    Measure,
    Recording,
    RecordingView,
    WordView,
    one_pooled,
)
from pyscorer.contract.segments import PhoneSegment
from pyscorer.errors import InputError
from pyscorer.measures.durations import Durations
from pyscorer.measures.gop import GmmMeasures, Gop
from pyscorer.measures.learned_gop import LearnedGop
from pyscorer.measures.pool import PooledStates
from pyscorer.measures.prosody import Prosody
from pyscorer.measures.transition_gop import TransitionGop
from pyscorer.pretrained.heard_phones import HeardPhones
from pyscorer.pretrained.view_columns import RecogniserView

STAY = np.full(len(PHONES) - 1, np.log(0.7))
STATES = 5


def gmm() -> GmmMeasures:
    return GmmMeasures.of(initial_gmm(np.zeros(39), np.ones(39)))


def learned() -> LearnedGop:
    network = torch.nn.Sequential(torch.nn.Linear(STATES, len(ARPABET))).eval()
    return LearnedGop([network], torch.zeros(STATES), torch.ones(STATES))


MEASURES: tuple[Measure, ...] = (
    Durations(),
    PooledStates("tdnnf", 4),
    PooledStates("encoder", STATES, posteriors=False),
    Gop(STAY),
    TransitionGop(monophone_tree(PHONES), STAY),
    learned(),
    HeardPhones({"GO": [("G", "OW")]}),
    RecogniserView(),
    Prosody({"GO": [("G", "OW1")]}),
)


@pytest.fixture
def recording() -> Recording:
    """GO ON, 60 frames: two words of two phones, a pause between them."""
    rng = np.random.default_rng(0)
    phones = [("G", 0, 0, 5), ("OW", 0, 1, 15), ("AA", 1, 0, 35), ("N", 1, 1, 45)]
    segments = [PhoneSegment(w, p, name, start, 10, 0, 0) for name, w, p, start in phones]
    pdfs = monophone_tree(PHONES).num_pdfs

    def posteriors(columns: int) -> np.ndarray:
        return np.log(rng.dirichlet(np.ones(columns), size=20))

    return Recording(
        *("u", segments, 60, ("GO", "ON")),
        outputs={
            "tdnnf": Frames(rng.normal(size=(20, 4)), 0.03),
            "encoder": Frames(rng.normal(size=(30, STATES)), 0.02),
            "posteriors": Frames(posteriors(len(PHONES) - 1), 0.03),
            "pdf_posteriors": Frames(posteriors(pdfs), 0.03),
            "gmm_features": Frames(rng.normal(size=(60, 39))),
            "tracks": Frames(rng.uniform([0, 90, -60], [1, 300, -20], size=(60, 3))),
        },
        transcript="GO",
        view=RecordingView(
            (WordView(-1.0, 2, -0.7, -0.1, True), WordView(-4.0, 1, -4.0, -3.0, False)),
            *("GO", 0.5, -0.3, -1.7),
        ),
    )


def test_each_has_a_row_a_phone_and_the_columns_that_it_says(recording: Recording) -> None:
    heard = recording.measured_by(*MEASURES)
    assert list(heard.measured) == [measure.name for measure in MEASURES]
    for name, measured in heard.measured.items():
        assert measured.matrix.shape == (4, len(measured.columns)), name
        assert len(set(measured.columns)) == len(measured.columns), name
        assert np.isfinite(measured.matrix).all(), name


def test_the_gmms_measures_come_after_those_of_posteriors(recording: Recording) -> None:
    with_gmm = Gop(STAY, gmm())
    assert with_gmm.columns[:3] == Gop(STAY).columns[:3]
    assert with_gmm(recording).shape == (4, len(with_gmm.columns))


def test_a_models_input_is_chosen_by_measure_and_column(recording: Recording) -> None:
    heard = recording.measured_by(Durations(), RecogniserView())
    pooled = one_pooled(heard, [("recogniser", "margin"), ("durations", "log_duration")])
    expected = np.column_stack([[-0.1, -0.1, -3, -3], np.log([10] * 4)])
    np.testing.assert_allclose(pooled.features, expected, rtol=1e-6)
    assert pooled.word_counts.tolist() == [2]
    with pytest.raises(InputError, match="reads gop of source gop, which is not given"):
        one_pooled(heard, [("gop", "gop")])


@pytest.mark.parametrize("measure", MEASURES[1:], ids=lambda measure: measure.name)
def test_what_a_measure_lacks_is_named(recording: Recording, measure: Measure) -> None:
    with pytest.raises(InputError, match=r"utterance u: no .*which"):
        measure(Recording("u", recording.segments, 60, recording.words))


def test_an_output_of_another_length_is_refused(recording: Recording) -> None:
    outputs = {**recording.outputs, "tdnnf": Frames(np.zeros((9, 4)), 0.03, "embed.scp")}
    short = Recording("u", recording.segments, 60, recording.words, outputs)
    with pytest.raises(InputError, match=r"utterance u: embed\.scp has 9 frames"):
        PooledStates("tdnnf", 4)(short)
