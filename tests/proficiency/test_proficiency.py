"""From the generated sample to tables and judgements, and what users get wrong."""

import json
import shutil
import time
import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_responses import write_responses

from pyscorer.contract.classes import LANGUAGE_MEANING
from pyscorer.corpora.spoken_call import write_grammar
from pyscorer.errors import InputError
from pyscorer.feedback.judge_model import judge_model
from pyscorer.feedback.judge_parts import EarPaths, JudgeModelOptions
from pyscorer.feedback.judge_recording import judge
from pyscorer.proficiency.build_systems import STRENGTHS
from pyscorer.proficiency.expert_features import FeatureOptions, expert_features, load_inputs
from pyscorer.proficiency.judge import judge_response, load_judge
from pyscorer.proficiency.pairs import load_data
from pyscorer.proficiency.prepare_responses import ResponseOptions, prepare_responses
from pyscorer.proficiency.proficiency_tables import TableOptions, proficiency_tables
from pyscorer.proficiency.response_file import read_response_file
from pyscorer.proficiency.sample_responses import make_sample
from pyscorer.proficiency.systems import load_systems
from pyscorer.proficiency.train_expert import ExpertOptions, train_expert
from pyscorer.proficiency.train_mixture import MixtureOptions, train_mixture

EXPERTS = {"fbk1": 12, "LSTM-W2V-M": 3, "FFN-BOW-TFIDF": 6, "FFN-SPM": 12, "TREES": 1}


def gather(*paths) -> None:
    """judge_model, of transcripts."""
    judge_model(*paths, EarPaths(), JudgeModelOptions())


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A finished run on the sample."""
    work = tmp_path_factory.mktemp("run")
    prepare_responses(work / "data", ResponseOptions(folds=2))
    options = FeatureOptions(
        dimension=16, orders=2, unit_vocabulary=80, kinds=("tfidf", "w2v_marked")
    )
    expert_features(work / "data", work / "features", options)
    for expert, epochs in EXPERTS.items():
        train_expert(
            work / "data",
            work / "features",
            expert,
            work / "experts" / expert,
            ExpertOptions(seeds=2, hidden=(24, 12), epochs=epochs, batch=16),
        )
    experts = [work / "experts" / e for e in EXPERTS]
    options = MixtureOptions(gate_hidden=(12,), gate_epochs=2)
    train_mixture(work / "data", experts, work / "mixture", options)
    proficiency_tables(
        work / "data", experts, work / "mixture", work / "tables", TableOptions(samples=50)
    )
    gather(work / "features", experts, work / "mixture", work / "model")
    return work


def test_tables_hold_every_system_and_the_published_figures(run):
    frame = pd.read_csv(run / "tables" / "all.csv")
    assert set(frame["table"]) == {0, 1, 2, 3}
    assert {"TREES + memory", "grammar match", "FBK baseline (majority vote)", *EXPERTS} <= set(
        frame["model"]
    )
    assert frame["d_full"][frame["model"].str.startswith("Birmingham")].tolist() == [7.38]
    own = frame[frame["table"] > 0]
    assert (own[["ca", "fr", "cr", "pfa", "gfa"]].sum(axis=1) == 100).all()
    page = (run / "tables" / "proficiency.html").read_text()
    assert "Table 3" in page and (run / "tables" / "d_full.png").stat().st_size > 1000


def test_the_system_learns_the_easy_sample(run):
    frame = pd.read_csv(run / "tables" / "all.csv").set_index("model")
    assert frame.loc["fbk1", "accuracy"] > 0.8


def test_explanations_name_edits_experts_and_credits(run):
    explained = pd.read_csv(run / "tables" / "explanations.csv", keep_default_na=False)
    assert len(explained) == 100
    credits = explained.filter(like=" credit").to_numpy()
    assert credits.shape[1] >= 2 and ((credits > 0) & (credits < 1)).all()
    changed = explained[explained["edit_cost"] > 0]
    assert changed["edits"].str.contains(r"[\[{]").all()


def test_training_again_gives_the_same_outputs(run, tmp_path):
    train_expert(
        run / "data",
        run / "features",
        "fbk1",
        tmp_path / "again",
        ExpertOptions(seeds=2, hidden=(24, 12), epochs=EXPERTS["fbk1"], batch=16),
    )
    first = np.load(run / "experts" / "fbk1" / "outputs.npy")
    assert np.array_equal(first, np.load(tmp_path / "again" / "outputs.npy"))
    table, _ = load_data(run / "data")
    assert first.shape == (2, 2, len(table.prompts), 4)


def test_a_judgement_repeats_what_training_said_of_an_unseen_pair(run):
    judged = load_judge(run / "model")
    table, _ = load_data(run / "data")
    explained = pd.read_csv(run / "tables" / "explanations.csv", keep_default_na=False)
    fresh = explained[(explained["rows_in_training"] == 0) & (explained["response"] != "")]
    row = fresh.iloc[0]
    found = judge_response(judged, row["prompt"], row["response"])
    assert found.marked == row["edits"] and set(found.experts) <= set(EXPERTS)
    mixed = judged.best.rule.score(np.load(run / "mixture" / "mixed.npy").mean(axis=0))
    pairs = list(zip(table.prompts, table.responses, strict=True))
    pair = pairs.index((row["prompt"], row["response"]))
    assert found.score == pytest.approx(mixed[pair], abs=0.005)


def test_judging_is_fast_and_bears_odd_input(run, capsys):
    judged = load_judge(run / "model")
    judge_response(judged, "Frag: einen Tee", "I want a tea!")
    start = time.process_time()
    known = judge_response(judged, "Frag: einen Tee", "I want a tea!")
    assert time.process_time() - start < 0.05
    assert known.known_prompt and known.marked == "i want a tea"
    empty = judge_response(judged, "Frag: einen Tee", " ...")
    assert not empty.accepted and "empty response" in empty.text()
    unknown = judge_response(judged, "Frag: ein Schiff", "i want a ship")
    assert not unknown.known_prompt and "not in the grammar" in unknown.text()
    assert 0 <= unknown.score <= 1
    with pytest.raises(InputError, match="prompt is empty"):
        judge_response(judged, " ", "a tea")
    judge(run / "model", "Frag: einen Tee", response="i want a tea")
    assert "closest accepted response: i want a tea" in capsys.readouterr().out
    with pytest.raises(InputError, match="written by judge_model"):
        load_judge(run / "data")


def test_a_judgement_is_the_same_however_prompt_and_response_are_typed(run):
    judged = load_judge(run / "model")
    said = judge_response(judged, "Frag: ein Glas Milch", "i'd like a glass of milk")
    assert said.known_prompt
    for prompt, response in (
        ("frag:  EIN GLAS MILCH.", "I’d LIKE a glass of milk!"),
        ("Frag ein Glas\u00a0Milch", "  I\u200b'd like a glass\tof milk..."),
        ("\ufeffFrag: ein „Glas“ Milch?", "“I`d like a glass, of milk”"),
    ):
        assert judge_response(judged, prompt, response) == said
    three = judge_response(judged, "Frag: ein Glas Milch", "three glasses")
    assert judge_response(judged, "Frag: ein Glas Milch", "3 glasses") == three


GRAMMAR = (
    "<grammar><prompt_unit><prompt>{}</prompt><translated_prompt>ask</translated_prompt>"
    "<response>yes</response></prompt_unit></grammar>"
)
ROW = "{}\t{}\tyes {}\tcorrect\tcorrect\n"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_prompts_are_found_however_they_are_composed(tmp_path, form):
    prompt = "Frag: Zimmer für 3 Nächte"
    (tmp_path / "g.xml").write_text(GRAMMAR.format(unicodedata.normalize(form, prompt)))
    other = unicodedata.normalize({"NFC": "NFD", "NFD": "NFC"}[form], prompt).upper() + " ?"
    header = "Id\tPrompt\tRecResult\tlanguage\tmeaning\n"
    train = "".join(ROW.format(f"a{i}", other, i) for i in range(6))
    (tmp_path / "train.csv").write_text(header + train)
    (tmp_path / "test.csv").write_text(header + ROW.format("b", prompt, ""))
    options = ResponseOptions(
        train=tmp_path / "train.csv", test=tmp_path / "test.csv", grammar=tmp_path / "g.xml"
    )
    prepare_responses(tmp_path / "out", options)
    table, grammar = load_data(tmp_path / "out")
    assert set(table.prompts) == set(grammar) == {prompt}
    assert "yes three" in table.responses
    (tmp_path / "test.csv").write_text(header + ROW.format("b", "Frag: Zimmer für 4 Nächte", ""))
    with pytest.raises(InputError, match=f"response b: .*, which has '{prompt}'"):
        prepare_responses(tmp_path / "out", options)


def test_a_damaged_folder_of_judge_is_named(run, tmp_path):
    for name, content in {
        "experts/fbk1/architecture.json": b'{"kind": 3}',
        "experts/fbk1/model.pt": b"PK",
        "experts/TREES/forest.npz": b"PK",
        "gate.pt": b"",
        "best.json": b"[",
        "systems.json": b'{"systems": [{"base": 1, "memory": null}]}',
        "encoders/text.json": b"{}",
    }.items():
        model = tmp_path / name.replace("/", "-")
        shutil.copytree(run / "model", model)
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_bytes(content)
        best = json.loads((run / "model/best.json").read_text())
        if name.startswith("experts") and name.split("/")[1] not in best["members"]:
            continue
        with pytest.raises(InputError, match=r"again|not JSON|damaged|lacks"):
            load_judge(model)


def test_judge_model_replaces_nothing_but_its_own(run, tmp_path):
    experts = [run / "experts" / e for e in EXPERTS]
    before = sorted(run.rglob("*"))
    for out in (run / "features", run / "mixture", run / "experts", run):
        with pytest.raises(InputError, match="not such a directory"):
            gather(run / "features", experts, run / "mixture", out)
    assert sorted(run.rglob("*")) == before
    gather(run / "features", experts, run / "mixture", run / "model")


def test_an_unknown_prompt_is_named(run, capsys):
    judge(run / "model", "Frag: einen Te\n", response="i want a tea")
    said = capsys.readouterr().out
    assert "warning: The prompt “Frag: einen Te” is not in the grammar; did you mean" in said
    assert "Frag: einen Tee" in said


def test_what_is_missing_is_named(run, tmp_path):
    with pytest.raises(InputError, match="run prepare_responses first"):
        expert_features(tmp_path, tmp_path / "f", FeatureOptions())
    with pytest.raises(InputError, match="bert"):
        load_inputs(run / "features", "bert")
    with pytest.raises(InputError, match="no expert 'fbk9'"):
        train_expert(run / "data", run / "features", "fbk9", tmp_path, ExpertOptions())
    with pytest.raises(InputError, match="at least two experts"):
        train_mixture(run / "data", [run / "experts" / "fbk1"], tmp_path / "m", MixtureOptions())


def test_prompts_outside_the_grammar_are_errors_unless_allowed(tmp_path):
    train, test, grammar = make_sample(1, 60, 20)
    grammar.pop(test[0].prompt)
    for name, rows in (("train", train), ("test", test)):
        write_responses(tmp_path / f"{name}.csv", rows)
    write_grammar(tmp_path / "g.xml", grammar)
    files = {"train": tmp_path / "train.csv", "test": tmp_path / "test.csv"}
    options = {**files, "grammar": tmp_path / "g.xml", "folds": 2}
    with pytest.raises(InputError, match=r"train\.csv: response sample-\d+: prompt .* not in"):
        prepare_responses(tmp_path / "out", ResponseOptions(**options))
    prepare_responses(tmp_path / "out", ResponseOptions(**options, allow_missing_prompts=True))
    assert len(load_data(tmp_path / "out")[0].train) == 60
    with pytest.raises(InputError, match="go together"):
        prepare_responses(tmp_path / "o", ResponseOptions(train=files["train"]))
    options["test"] = files["train"]
    with pytest.raises(InputError, match="is also a training response"):
        prepare_responses(tmp_path / "o", ResponseOptions(**options, allow_missing_prompts=True))


def test_transcripts_of_a_recogniser_take_the_place_of_the_files_own(tmp_path):
    train, test, grammar = make_sample(1, 60, 20)
    for name, rows in (("train", train), ("test", test)):
        write_responses(tmp_path / f"{name}.csv", rows)
        heard = "".join(f"{row.id} I WANT {name.upper()}\n" for row in rows[:-1])
        (tmp_path / f"{name}.text").write_text(f"{heard}{rows[-1].id}\n")
    write_grammar(tmp_path / "g.xml", grammar)
    texts = (tmp_path / "train.text", tmp_path / "test.text")
    options = ResponseOptions(
        train=tmp_path / "train.csv", test=tmp_path / "test.csv", grammar=tmp_path / "g.xml",
        folds=2, transcripts=texts,
    )  # fmt: skip
    prepare_responses(tmp_path / "out", options)
    for name, rows in (("train", train), ("test", test)):
        found = read_response_file(tmp_path / "out" / f"{name}.csv", LANGUAGE_MEANING)
        assert [row.recognised for row in found] == [f"i want {name}"] * (len(rows) - 1) + [""]
        assert [(row.id, row.label) for row in found] == [(row.id, row.label) for row in rows]
    with pytest.raises(InputError, match=rf"test\.csv: 20 responses without a.*{test[0].id} "):
        prepare_responses(tmp_path / "o", replace(options, transcripts=texts[:1]))
    with pytest.raises(InputError, match=r"train\.text: .* in an earlier file as well"):
        prepare_responses(tmp_path / "o", replace(options, transcripts=(*texts, texts[0])))
    with pytest.raises(InputError, match="need the responses"):
        prepare_responses(tmp_path / "o", ResponseOptions(transcripts=texts))


def test_a_corpus_that_is_not_there_is_no_reason_for_a_sample(tmp_path):
    missing = tmp_path / "mistyped"
    with pytest.raises(InputError, match=rf"prepare_responses.corpus: {missing}: no such folder"):
        prepare_responses(tmp_path / "data", ResponseOptions(corpus=missing))
    assert not (tmp_path / "data").exists()


def test_files_say_by_fields_which_system_it_is(run, tmp_path):
    systems = load_systems(run / "mixture")
    assert systems.best["memory"] in STRENGTHS
    assert systems.mixture.base.startswith("mixture: ") and not systems.mixture.remembers
    assert len(set(systems.keys)) == len(systems.rows)
    assert not [row for row in systems.rows if "memory" in row["base"]]
    shown = pd.read_csv(run / "tables" / "all.csv").query("table > 0")["model"]
    assert shown.tolist() == [key.shown for key in systems.keys]
    compared = pd.read_csv(run / "tables" / "comparisons.csv")["model"]
    assert set(compared) == {systems.mixture.base, f"{systems.mixture.base} + memory"}
    for name in ("best.json", "systems.json", "classes.json"):
        shutil.copyfile(run / "mixture" / name, tmp_path / name)
    best = systems.best | {"base": "mixture: of another run"}
    (tmp_path / "best.json").write_text(json.dumps(best))
    with pytest.raises(InputError, match=r"systems\.json: lacks mixture: of another run"):
        load_systems(tmp_path)
    (tmp_path / "best.json").write_text(json.dumps({"best": "as it was written before"}))
    with pytest.raises(InputError, match=r"best\.json: no base .*run train_mixture again"):
        load_systems(tmp_path)
    (tmp_path / "best.json").write_text("{")
    with pytest.raises(InputError, match=r"best\.json: not JSON"):
        load_systems(tmp_path)
