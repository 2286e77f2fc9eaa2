"""`pyscorer judge`: recordings judged as the tables judge them, and input that is no answer."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from made_judge import PROMPTS, made_judge
from made_models import TEXTS, speak

from pyscorer.cli import main
from pyscorer.contract.ctm import Segment
from pyscorer.contract.decoded import Decoded
from pyscorer.corpora.spoken_call import PromptUnit
from pyscorer.errors import InputError
from pyscorer.feedback.judge_bundle import JudgeModel, load_judge_model
from pyscorer.feedback.judge_ears import Ears
from pyscorer.feedback.judge_recording import judge_file, judge_samples, judge_typed
from pyscorer.proficiency.expert_features import encode
from pyscorer.proficiency.fbk import tokenise_grammar
from pyscorer.proficiency.joined import prompt_words
from pyscorer.proficiency.judge import Judge, judge_response
from pyscorer.proficiency.pairs import load_data
from pyscorer.proficiency.read_prompts import with_prompt

WEATHER, NORTH, DOG = PROMPTS


@pytest.fixture(scope="module")
def root() -> Path:
    return made_judge()


@pytest.fixture(scope="module")
def model(root: Path) -> JudgeModel:
    return load_judge_model(root / "model")


@pytest.fixture(scope="module")
def levels(root: Path) -> JudgeModel:
    return load_judge_model(root / "levels/model")


@pytest.fixture
def wav(root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copyfile(root / "test00-right.wav", tmp_path / "me.wav"))


@pytest.mark.parametrize("name", [".", "levels"])
def test_a_recording_is_judged_as_in_the_tables(root: Path, name: str) -> None:
    run = root / name
    loaded = load_judge_model(run / "model")
    assert loaded.judge.best.kinds("acoustic"), "experts listen"
    table, _ = load_data(run / "responses")
    mixed = np.load(run / "mixture/mixed.npy").mean(axis=0)
    systems = json.loads((run / "mixture/systems.json").read_text())["systems"]
    base = json.loads((run / "mixture/best.json").read_text())["base"]
    (number,) = (i for i, row in enumerate(systems) if row["base"] == base)
    scores = np.load(run / "mixture/scores.npz")[f"{number}.test"].mean(axis=0)
    for row, item in enumerate(table.test_rows):
        _, found = judge_file(loaded, root / f"{table.keys[item]}.wav", table.prompts[item])
        judgement = found.judgement
        assert judgement.response == table.responses[item]
        wanted = mixed[item] / mixed[item].sum()
        assert judgement.posteriors == pytest.approx(wanted.tolist(), abs=2e-3)
        assert judgement.score == pytest.approx(scores[row], abs=2e-2)


def test_what_was_heard_is_what_the_decoder_heard(root: Path, model: JudgeModel) -> None:
    _, found = judge_file(model, root / "test00-right.wav", WEATHER)
    lines = (root / "decode-test/words.ctm").read_text().splitlines()
    own = [line.split()[2:] for line in lines if line.startswith("test00-right ")]
    assert [
        [f"{w.start / 100:.2f}", f"{w.length / 100:.2f}", w.label, f"{w.confidence:.4f}"]
        for w in found.heard.words
    ] == own


def judge(root: Path, wav: Path, prompt: str, *more: str) -> int:
    call = ["judge", "--model", str(root / "model"), "--wav", str(wav), "--prompt", prompt]
    return main([*call, *more])


def test_every_form_is_written(
    root: Path, wav: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(root, wav, WEATHER) == 0
    assert "heard: I (1.00) THINK" in (said := capsys.readouterr().out)
    assert "edits: i think the weather is fine" in said and "FFN-ACOUSTIC" in said
    assert judge(root, wav, WEATHER, "--format", "json") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["decision"] in ("accept", "reject") and len(content["words"]) == 6
    out = tmp_path / "me.html"
    assert judge(root, wav, WEATHER, "--format", "html", "--out", str(out)) == 0
    assert out.read_text().count("data:audio/mpeg") == 1
    assert judge(root, wav, WEATHER, "--format", "html") == 2
    assert "--out" in capsys.readouterr().err


def test_a_level_is_told_with_the_posterior_of_each(levels: JudgeModel, wav: Path) -> None:
    _, found = judge_file(levels, wav, WEATHER)
    judgement = found.judgement
    assert judgement.decision in ("A1", "A2", "B1") and judgement.accepted is None
    expected = sum(i * p for i, p in enumerate(judgement.posteriors))
    assert judgement.score == pytest.approx(expected, abs=1e-6)
    reached = sum(expected >= cut for cut in judgement.cuts)
    assert len(judgement.cuts) == 2 and judgement.decision == ("A1", "A2", "B1")[reached]
    assert judgement.closest_accepted == "" and judgement.known_prompt, "there is no grammar"


def refusal(model: JudgeModel, path: Path, prompt: str = WEATHER) -> str:
    with pytest.raises(InputError) as error:
        judge_file(model, path, prompt)
    return str(error.value)


def test_what_is_no_recording_is_refused_by_name(model: JudgeModel, tmp_path: Path) -> None:
    path = tmp_path / "me.wav"
    assert "me.wav: no such audio file" in refusal(model, path)
    path.write_bytes(b"RIFF....WAVEjunk")
    assert "me.wav" in refusal(model, path)
    soundfile.write(path, np.zeros(32000), 16000)
    assert "me.wav: silence" in refusal(model, path)
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 32000), 16000)
    assert "me.wav: no speech" in refusal(model, path)
    soundfile.write(path, np.tile(speak(TEXTS[0]), 30)[: 31 * 16000], 16000)
    assert "30 s" in refusal(model, path)
    soundfile.write(path, speak(TEXTS[0]), 16000)
    assert "me.wav: the prompt is empty" in refusal(model, path, " ")


def hearing(model: JudgeModel, *words: Segment) -> Ears:
    """Ears that hear these words in any recording."""
    return replace(model.ears, decode=lambda samples: Decoded("recording", words))


def test_nothing_recognised_is_rejected_and_has_no_level(
    model: JudgeModel, levels: JudgeModel
) -> None:
    samples = speak(TEXTS[0])
    found = judge_samples(model.judge, hearing(model), samples, WEATHER).judgement
    assert found.decision == "reject" and found.experts == {}
    assert "No word was recognised" in found.warnings[-1]
    with pytest.raises(InputError, match=r"No word was recognised.*nothing to give a level to"):
        judge_samples(levels.judge, hearing(levels), samples, WEATHER)


def test_what_the_recogniser_is_unsure_of_is_doubted(model: JudgeModel) -> None:
    limit = model.ears.unsure
    assert 0 < limit <= 1, "measured on the training responses"
    for confidence, doubted in ((limit - 0.01, True), (min(limit + 0.01, 1), False)):
        words = [Segment(w, 30 + 20 * i, 20, confidence) for i, w in enumerate(TEXTS[2].split())]
        found = judge_samples(model.judge, hearing(model, *words), speak(TEXTS[2]), DOG)
        assert any("another language" in w for w in found.judgement.warnings) is doubted


def test_a_response_longer_than_its_prompt_could_want_is_doubted(model: JudgeModel) -> None:
    long = np.concatenate([speak(TEXTS[0]), speak(TEXTS[1]), speak(TEXTS[0])])
    found = judge_samples(model.judge, model.ears, long, DOG).judgement
    number = len(found.response.split())
    (told,) = (w for w in found.warnings if "longest" in w)
    assert f"The response has {number} words" in told
    right = judge_samples(model.judge, model.ears, speak(TEXTS[0]), WEATHER).judgement
    assert not any("longest" in w for w in right.warnings)


def test_a_prompt_that_is_not_known_is_judged_by_its_words(model: JudgeModel, wav: Path) -> None:
    _, found = judge_file(model, wav, "Say how the wether is")
    assert not found.judgement.known_prompt and found.judgement.experts
    assert f"did you mean “{WEATHER}”" in found.judgement.warnings[-1]
    _, other = judge_file(model, wav, WEATHER.upper() + "!")
    assert other.judgement.known_prompt and other.judgement.prompt == WEATHER


def reading(model: JudgeModel, *prompts: str) -> Judge:
    """The judge, as if its prompts were read aloud."""
    grammar = {p: PromptUnit(p.lower(), (p.lower(),)) for p in prompts}
    encoders = model.judge.encoders
    references = tokenise_grammar(grammar)
    parts = replace(encoders.parts, words=prompt_words(references))
    own = replace(encoders, grammar=grammar, references=references, parts=parts)
    return replace(model.judge, encoders=own)


def test_a_new_prompt_to_be_read_aloud_is_its_own_accepted_response(model: JudgeModel) -> None:
    new = "The men ran north"
    judge = reading(model, "The dog ran", "I think")
    assert judge.read_aloud and not model.judge.read_aloud
    found = judge_response(judge, new, "the men ran")
    assert found.marked == "the men ran [-north]" and found.known_prompt
    assert not any("not in" in warning for warning in found.warnings)
    two = with_prompt(judge.encoders, new), reading(model, "The dog ran", "I think", new).encoders
    for kind in ("fbk", "units"):
        values = [encode(e, kind, [new], ["the men ran"]).values for e in two]
        assert np.array_equal(*values), "as if it had been among them from the beginning"


def test_words_that_do_not_fit_the_recording_are_judged_without_its_sounds(
    model: JudgeModel,
) -> None:
    words = [Segment("THE", i, 1, 0.9) for i in range(200)]
    samples = speak(TEXTS[2])
    answer = model.ears.listen(samples, Decoded("recording", tuple(words)), DOG)
    names = model.ears.listen.answers.names
    aligned = {kind: found.values for kind, found in answer.items()}["acoustic"]
    assert np.isfinite(aligned).all() and aligned[0, names.index("aligned")] == 0


def test_a_typed_response_is_judged_by_those_that_read(
    root: Path, model: JudgeModel, tmp_path: Path
) -> None:
    found = judge_typed(model, WEATHER, "I think the weather is fine").judgement
    read = json.loads((root / "model/text.json").read_text())
    assert list(found.experts) == read["members"]
    assert "judged by text experts alone, not by FFN-ACOUSTIC" in found.warnings[0]
    other = tmp_path / "model"
    shutil.copytree(root / "model", other)
    (other / "text.json").unlink()
    with pytest.raises(InputError, match=r"experts listen.*judge a recording"):
        judge_typed(load_judge_model(other), WEATHER, "the dog ran")


def test_text_experts_alone_say_what_their_system_says(root: Path, model: JudgeModel) -> None:
    read = json.loads((root / "model/text.json").read_text())
    systems = json.loads((root / "mixture/systems.json").read_text())["systems"]
    (number,) = (i for i, row in enumerate(systems) if row["base"] == read["base"])
    wanted = np.load(root / "mixture/scores.npz")[f"{number}.test"].mean(axis=0)
    table, _ = load_data(root / "responses")
    for row, item in enumerate(table.test_rows):
        found = judge_typed(model, table.prompts[item], table.responses[item]).judgement
        assert found.score == pytest.approx(wanted[row], abs=1e-2)


def test_a_model_of_transcripts_hears_nothing(root: Path, wav: Path, tmp_path: Path) -> None:
    other = tmp_path / "model"
    shutil.copytree(root / "model", other)
    (other / "ears.json").unlink()
    assert "the model has no recogniser" in refusal(load_judge_model(other), wav)


def test_flags_that_do_not_go_together_are_refused(
    root: Path, wav: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(root, wav, WEATHER, "--response", "the dog ran") == 2
    assert "give either --wav or --response" in capsys.readouterr().err
    assert judge(root, wav, WEATHER, "--out", str(wav)) == 2
    assert "written over" in capsys.readouterr().err
    assert judge(root, wav, WEATHER, "--out", str(root / "model/me.txt")) == 2
    assert "lies in the model" in capsys.readouterr().err
