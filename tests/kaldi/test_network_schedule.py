"""Schedules against numbers of Kaldi's own steps/nnet3/chain/train.py and its libs."""

import math

import pytest

from pyscorer.errors import InputError
from pyscorer.kaldi.network_schedule import Schedule, dropout_values, proportion_at


def test_jobs_grow_from_the_first_number_to_the_last():
    made = Schedule(archives=100, epochs=4, initial_jobs=3, final_jobs=16)
    # num_iters = 400 * 2 // 19; get_current_num_jobs rounds 3 + 13 it / 42
    assert made.iterations == 42
    assert made.jobs[:5] == [3, 3, 4, 4, 4] and made.jobs[-2:] == [15, 16]
    assert made.archives_a_job == 1
    assert sum(made.jobs) == pytest.approx(400, abs=16)


def test_jobs_of_an_iteration_learn_different_egs_and_all_egs_are_learnt():
    made = Schedule(archives=10, epochs=3, initial_jobs=2, final_jobs=4)
    learnt = []
    for iteration, jobs in enumerate(made.jobs, 1):
        own = [made.egs(iteration, job) for job in range(1, jobs + 1)]
        assert len({archive for [(archive, _)] in own}) == jobs
        learnt += [pair for egs in own for pair in egs]
    # train_new_models: archive_index = k % archives + 1, shift (archive_index + k // archives) % 3
    wanted = [(k % 10, (k % 10 + 1 + k // 10) % 3) for k in range(len(learnt))]
    assert learnt == wanted
    assert len(set(learnt)) == len(learnt) == 29  # of 30: train.py rounds as well


def test_one_job_learns_archive_after_archive():
    made = Schedule(archives=2, epochs=4)
    assert made.jobs == [1] * 8
    assert [made.egs(i, 1)[0][0] for i in (1, 2, 3)] == [0, 1, 0]


def test_a_training_never_has_more_iterations_than_snakemake_can_plan():
    made = Schedule(archives=100, epochs=10)
    assert made.iterations == 100 and made.archives_a_job == 10
    assert [archive for archive, _ in made.egs(2, 1)] == list(range(10, 20))
    wide = Schedule(archives=1000, epochs=10, initial_jobs=5, final_jobs=15)
    assert wide.iterations <= 100 and wide.archives_a_job * 15 <= 1000


def test_rates_fall_by_the_share_that_is_learnt_and_rise_with_the_jobs():
    made = Schedule(2, 4, learning_rate=0.1, final_learning_rate=0.001)
    assert made.rate(1) == pytest.approx(0.1)
    assert made.rate(5) == pytest.approx(0.1 * math.exp(4 / 8 * math.log(0.01)))
    assert made.rate(8) == pytest.approx(0.001)  # the last one, as get_learning_rate has it
    several = Schedule(2, 4, 2, 2, 0.1, 0.001)
    assert several.rate(1) == pytest.approx(0.2) and several.rate(4) == pytest.approx(0.002)
    assert Schedule(1, 1).rate(1) == pytest.approx(0.0001)


def test_the_first_iteration_is_careful():
    made = Schedule(2, 4, minibatch=64)
    assert made.sizes(1) == ("32,16", pytest.approx(2 / math.sqrt(2)))
    assert made.sizes(2) == ("64,32", 2.0)


@pytest.mark.parametrize(
    ("schedule", "at", "wanted"),
    [  # of dropout_schedule.py's own test
        ("*=0.0,0.5,0.0 lstm.*=0.0,0.3@0.75,0.0", 0.75, {"*": 0.25, "lstm.*": 0.3}),
        ("*=0.0,0.5,0.0 lstm.*=0.0,0.3@0.75,0.0", 0.5, {"*": 0.5, "lstm.*": 0.2}),
        ("0.0,0.3,0.0", 0.25, {"*": 0.15}),
        ("0.0,0.3,0.0", 1.0, {"*": 0.0}),
        ("0.0,0.5@0.25,0.0,0.6@0.75,0.0", 0.25, {"*": 0.5}),
        ("0.0,0.5@0.25,0.0,0.6@0.75,0.0", 0.1, {"*": 0.2}),
        ("lstm.*=0.0,0.3,0.0@0.75,1.0", 0.9, {"lstm.*": 0.6}),
    ],
)
def test_dropout_is_what_kaldis_schedule_says(schedule: str, at: float, wanted: dict[str, float]):
    found = {name: proportion_at(points, at) for name, points in dropout_values(schedule).items()}
    assert found == pytest.approx(wanted)


def test_dropout_is_set_by_edits():
    made = Schedule(10, 1, dropout="0,0@0.20,0.5@0.50,0")
    assert made.edits(1) == "set-dropout-proportion name=* proportion=0"
    assert made.edits(6) == "set-dropout-proportion name=* proportion=0.5"
    assert Schedule(10, 1).edits(6) == ""


@pytest.mark.parametrize(
    "schedule", ["0.1", "0,x,0", "0,0.5@1.5,0", "0,0.2@0.6,0.1@0.3,0", "0,2,0", "0.1@0.2,0", " "]
)
def test_a_schedule_that_is_none_is_named(schedule: str):
    with pytest.raises(InputError, match=r"kaldi\.dropout"):
        Schedule(2, 1, dropout=schedule).check() if schedule.strip() else dropout_values(schedule)


def test_more_jobs_than_egs_are_an_error():
    with pytest.raises(InputError, match="num_jobs_final: 5 jobs on 4 archives"):
        Schedule(4, 1, 1, 5).check()
