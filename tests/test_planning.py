"""What the rules ask of a configuration: files, options, and what stops a run at its start."""

import copy
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from pyscorer.config import SCHEMA, resolve_run
from pyscorer.errors import InputError
from pyscorer.planning.commands import (
    existing,
    files,
    folders,
    reference,
    scored,
    stage_options,
    stage_section,
    told,
    train_and_test,
)
from pyscorer.planning.ctc import baseline_pools, check_ctc
from pyscorer.planning.folded import Folded
from pyscorer.planning.graders import Graders, recogniser
from pyscorer.planning.parts import Parts
from pyscorer.planning.plan import Corpora, kaldi_training, make_plan, tree_files
from pyscorer.planning.responses import find_responses
from pyscorer.planning.rows import Rows
from pyscorer.planning.speech import Speech

DEFAULT = yaml.safe_load((SCHEMA.parents[2] / "config" / "config.yaml").read_text())
WORK = Path("work/sample")


@pytest.fixture(autouse=True)
def nothing_at_hand(monkeypatch, tmp_path):
    (tmp_path / "corpora").mkdir()
    monkeypatch.setenv("PYSCORER_CORPORA", str(tmp_path / "corpora"))


def configured(**sections):
    return copy.deepcopy(DEFAULT) | {"corpus": "sample"} | sections


def test_a_section_is_found_wherever_it_is():
    config = configured(grading={"train_grader": {"seeds": 2}}, proficiency={"train_expert": None})
    assert stage_section(config, "prepare") == {"speakers": 30}
    assert stage_section(config, "train_grader") == {"seeds": 2}
    assert stage_section(config, "train_expert") == stage_section(config, "gop") == {}


def test_flags_name_the_folders_of_files():
    inputs = {"data": "w/a b/text", "gmm": "w/gmm/final.npz", "pools": ["p/1/x", "p/2/x"], "no": []}
    flags = folders("data", "pools", "no", model="gmm", out=1)(None, inputs, ["o/1/y", "o/2/y"])
    assert flags == "--data 'w/a b' --pools p/1 p/2 --model w/gmm --out o/2"
    assert files("gmm", "no")(None, inputs, []) == "--gmm w/gmm/final.npz"
    with pytest.raises(KeyError):
        folders("ali")(None, inputs, [])


def test_inputs_of_both_splits():
    made = train_and_test(resolve_run(configured()), data="data/text", pool="gop/gop.csv")
    assert list(made) == ["train_data", "test_data", "train_pool", "test_pool"]
    assert made["test_pool"] == WORK / "gop" / "sample" / "test" / "gop.csv"


def test_pages_of_synthetic_speech_say_so():
    assert told(resolve_run(configured()))["synthetic"] is True
    assert "synthetic" not in told(resolve_run(configured(corpus="speechocean762")))


def test_scorers_come_before_baselines_in_their_order():
    config = configured(scorers={"b": {}, "a": {}}, baselines={"b": {}})
    assert [str(path.parent) for path in scored(config, resolve_run(config))] == [
        "work/sample/scorers/b",
        "work/sample/scorers/a",
        "work/sample/baselines/b",
    ]


def test_files_of_a_folder_stand_for_it(tmp_path):
    (tmp_path / "encoder" / "deep").mkdir(parents=True)
    (tmp_path / "encoder" / "deep" / "weights").touch()
    (tmp_path / "a").touch()
    found = existing(None, tmp_path / "a", tmp_path / "absent", tmp_path / "encoder")
    assert found == [tmp_path / "a", tmp_path / "encoder" / "deep" / "weights"]


def test_corpora_are_fetched_or_read_where_they_are(tmp_path):
    config = configured(
        corpus="speechocean762",
        acoustic_data=["librispeech/dev-clean", "librispeech/dev-other"],
        download={"retries": 1},
    )
    corpora = Corpora(config, resolve_run(config))
    marks = corpora.run.work / "downloaded"
    assert corpora.files("speechocean762") == [marks / "speechocean762"]
    assert corpora.download_options("speechocean762") == {"seed": 0, "retries": 1}
    assert corpora.download_options("librispeech") == {"splits": ["dev-clean", "dev-other"]}
    assert corpora.prepare_options("speechocean762") == {"seed": 0, "speakers": 30}
    assert corpora.prepare_options("librispeech") == {}
    folder = tmp_path / "corpora" / "LibriSpeech"
    folder.mkdir(parents=True)
    (folder / "SPEAKERS.TXT").touch()
    assert Corpora(config, resolve_run(config)).files("librispeech") == [folder / "SPEAKERS.TXT"]


def test_the_sample_is_taken_whole():
    config = configured()
    assert Corpora(config, resolve_run(config)).prepare_options("sample") == {}


@pytest.mark.parametrize(
    ("change", "made"),
    [
        ({}, "graphs/normalization.fst"),
        ({"engine": "kaldi"}, "tdnnf/final.pt"),
        ({"acoustic_model": "final.mdl"}, "tdnnf/final.pt"),
    ],
)
def test_the_tree_is_that_of_the_acoustic_model(change, made):
    config = configured(**change)
    tree, mark = tree_files(config, resolve_run(config))
    assert mark == WORK / made and tree == mark.with_name("tree.json")


def graders(grading, **sections):
    config = configured(grading=grading, **sections)
    return Graders(config, resolve_run(config))


def test_a_grader_reads_the_sources_that_it_names():
    made = graders(
        {
            "train_grader": {"seeds": 2, "sources": ["durations", "gop", "recogniser"]},
            "graders": {"all": {"seeds": 1}, "lengths": {"sources": ["durations"]}},
            "averages": {"both": ["all", "lengths"]},
        },
        encode={"model": ["base", "tiny.en"], "pad": 0.2, "batch": 3},
    )
    made.check()
    assert made.options("all") == {"seeds": 1, "sources": ["durations", "gop", "recogniser"]}
    assert list(made.sources("all")) == ["gop", "recogniser"]
    assert list(made.sources("lengths")) == ["gop"]  # for the phones
    assert [str(p.relative_to(WORK)) for p in made.source_files("all")] == [
        "gop/sample/train/phones.scp",
        "gop/sample/test/phones.scp",
        "recogniser_view/sample/train/utterances.csv",
        "recogniser_view/sample/test/utterances.csv",
    ]
    view = WORK / "recogniser_view" / "sample" / "train"
    assert made.bundle("all") == {"recogniser": "base", "view": view}
    assert made.bundle("lengths") == {}
    assert made.model("both") == WORK / "averaged_graders" / "both" / "scores_phone.csv"
    assert made.model("all") == WORK / "graders" / "all" / "model.pt"
    learned = WORK / "learned_gop" / "sample" / "test"
    truth = WORK / "corpora" / "sample" / "truth.csv"
    assert made.evaluation() == {"learned_gop": learned, "truth": truth}


def test_a_bundle_holds_the_encoders_as_they_were_given():
    encode = {"model": ["base", "tiny.en"], "layers": [-2, -1], "batch": 3}
    made = graders({"graders": {"all": {}}}, encode=encode, recogniser_view={"model": "tiny.en"})
    assert [*made.sources("all"), "ctc_gop"] == list(made.all_sources)
    assert made.bundle("all") == {
        "encoder": ["base", "tiny.en"],
        "layers": [-2, -1],
        "learned_gop": WORK / "learned_gop" / "model.pt",
        "recogniser": "tiny.en",
        "view": WORK / "recogniser_view" / "sample" / "train",
    }


@pytest.mark.parametrize(
    ("sources", "sections", "message"),
    [
        (["heard"], {}, r"grading.graders.g.sources: heard needs a section encode \(or recog"),
        (["recogniser"], {"recogniser_view": {"batch": 2}}, "recogniser needs a section encode"),
        (["encoder"], {"recogniser_view": {"model": "m"}}, "encoder needs a section encode;"),
        (["learned_gop"], {}, "learned_gop needs a section encode;"),
    ],
)
def test_a_source_without_its_section_is_named(sources, sections, message):
    with pytest.raises(InputError, match=message):
        graders({"graders": {"g": {"sources": sources}}}, **sections).check()


def test_cross_fitted_gop_is_of_folds_and_deep_features_of_folds_are_refused():
    own = {"acoustic_data": ["sample/train"]}
    made = graders({"cross_fit": 3, "graders": {"g": {"sources": ["gop"]}, "all": {}}}, **own)
    made.cross_fit.check()
    folds, work = made.cross_fit, made.run.work
    assert made.sources("g") == {"gop": work / "cross_fit" / "gop" / "sample"}
    assert "tdnnf" not in made.sources("all")
    data, gop = work / "data" / "sample", work / "gop" / "sample"
    assert folds.others(SimpleNamespace(fold="2of3")) == [
        data / "train-fold1of3" / "utt2spk",
        data / "train-fold3of3" / "utt2spk",
    ]
    assert folds.measured(SimpleNamespace(split="test")) == [gop / "test" / "phones.scp"]
    assert len(folds.measured(SimpleNamespace(split="train"))) == 3
    with pytest.raises(InputError, match=r"graders\.g\.sources: deep features \(tdnnf\) of the"):
        graders({"cross_fit": 2, "graders": {"g": {"sources": ["tdnnf"]}}}, **own).check()
    assert not graders({"graders": {"g": {}}}).cross_fit


def test_a_fold_learns_from_all_other_speech():
    acoustic = ["native/train", "sample/train"]
    run = replace(resolve_run(configured()), acoustic=acoustic)
    folds = Folded(configured(), run, 4)
    folds.check()
    assert folds.part(SimpleNamespace(fold="2of4")) == "--part 2 --parts 4"
    assert folds.learnt("data", "utt2spk") == [
        str(WORK / "data/native/train/utt2spk"),
        str(WORK / "data/sample/train-but{fold}/utt2spk"),
    ]
    assert folds.learnt("ali", "phones.ctm")[1] == str(WORK / "ali/sample/train/phones.ctm")
    with pytest.raises(InputError, match="no acoustic model learns from sample/train"):
        replace(folds, run=replace(run, acoustic=["native/train"])).check()
    with pytest.raises(InputError, match="engine torch, fold by fold"):
        replace(folds, config=configured(acoustic_model="final.mdl")).check()


def test_ctc_is_a_source_where_it_has_a_section():
    ctc = {"ctc_posteriors": {"model": "hama"}, "ctc_gop": {"phone_map": "map.txt"}}
    encode = {"encode": {"model": "base"}}
    with_ctc = graders({"graders": {"all": {}}}, **encode, **ctc)
    assert "ctc_gop" in with_ctc.sources("all")
    assert {"ctc": "hama", "phone_map": "map.txt"}.items() <= with_ctc.bundle("all").items()
    without = graders({"graders": {"all": {}, "g": {"sources": ["ctc_gop"]}}}, **encode)
    assert "ctc_gop" not in without.sources("all")
    with pytest.raises(InputError, match=r"ctc_gop needs a section ctc_posteriors"):
        without.check()


def test_a_baseline_reads_the_measures_that_it_names():
    config = configured(
        baselines={"own": {}, "ctc": {"measures": ["ctc_gop", "lpr_deletion"]}},
        ctc_posteriors={"model": "hama"},
    )
    check_ctc(config)
    run = resolve_run(config)
    assert baseline_pools(config, run, "own")["train"] == [WORK / "gop/sample/train/gop.csv"]
    assert baseline_pools(config, run, "ctc")["test"] == [WORK / "ctc_gop/sample/test/phones.scp"]


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"ctc_gop": {"phone_map": "m"}}, r"ctc_gop: needs a section ctc_posteriors that names"),
        (
            {"baselines": {"b": {"measures": ["ctc_gop"]}}},
            r"baselines\.b\.measures: measures of CTC need a section ctc_posteriors",
        ),
        (
            {"paper1": {"pretrained": {"r": {"inputs": "ctc_gop"}}}},
            r"paper1\.pretrained\.r\.inputs: ctc_gop needs a section ctc_posteriors",
        ),
    ],
)
def test_what_reads_ctc_needs_its_section(sections, message):
    with pytest.raises(InputError, match=message):
        check_ctc(configured(**sections))


def test_what_comes_with_the_package_is_made_of_a_grader():
    sections = {"encode": {"model": ["base", "tiny.en"]}, "recogniser_view": {"model": "tiny.en"}}
    grading = {"graders": {"a": {"sources": ["encoder", "heard"]}, "b": {"sources": ["gop"]}}}
    shipped = {"shipped": {"encoder": "a", "small": "b"}}
    config = configured(grading=grading | shipped, **sections)
    graders = Graders(config, resolve_run(config))
    graders.check()
    named = {"encoder": ["base", "tiny.en"], "recogniser": "tiny.en"}
    assert graders.shipping("encoder") == {"corpus": "sample", "most": 16} | named
    assert graders.shipping("small") == {"corpus": "sample"}
    config = configured(grading=grading | {"shipped": {"small": "c"}}, **sections)
    with pytest.raises(InputError, match=r"grading\.shipped\.small: no grader is called c"):
        Graders(config, resolve_run(config)).check()


def test_an_average_of_an_unknown_grader_is_named():
    grading = {"graders": {"g": {"sources": ["gop"]}}, "averages": {"a": ["g", "h"]}}
    with pytest.raises(InputError, match=r"grading.averages.a: no grader is called h"):
        graders(grading).check()


def test_the_recogniser_is_the_first_encoder_where_none_is_named():
    assert recogniser({}) == {}
    assert recogniser({"encode": {"model": ["base", "x"]}}) == {"model": "base"}
    view = {"encode": {"model": "base"}, "recogniser_view": {"model": "tiny.en", "batch": 2}}
    assert recogniser(view) == {"model": "tiny.en", "batch": 2}


def rows(**change):
    section = {
        "speeds": [0.9, 1.1],
        "synthetic_scores": {},
        "teachers": {"simple": {"kind": "gbt"}},
        "pretrained": {
            "ii": {},
            "gop-ii": {"inputs": "gop", "dropout": 0},
            "simple-ii": {"teacher": "simple", "frame_norm": True},
        },
        "finetune": {"epochs": 3, "min_steps": 0},
        "finetuned": {"iii": {"epochs": 5}, "ii-iii": {"start": "ii"}},
        "unfreeze_scorer": {"upper": 1},
        "unfrozen": {"iiu": {"start": "ii", "synthetic": True, "module_rate": 1}},
    }
    config = configured(paper1=section | change)
    return Rows(config, resolve_run(config))


def test_rows_go_on_from_each_other():
    made = rows()
    made.check()
    assert made.names == ["ii", "gop-ii", "simple-ii", "iii", "ii-iii", "iiu", "trees"]
    assert made.directory("iii") == WORK / "finetuned" / "iii"
    assert made.directory("trees") == WORK / "baselines" / "trees"
    assert made.start("finetuned", "iii") == []
    assert made.start("finetuned", "ii-iii") == [WORK / "pretrained" / "ii" / "model.pt"]
    assert made.learned("iiu") == [WORK / "synthetic" / "scores.csv"]
    assert made.pool("pretrained", "ii", made.copies) == [
        WORK / "pool" / "sample" / "train-sp0.9" / "phones.scp",
        WORK / "pool" / "sample" / "train-sp1.1" / "phones.scp",
    ]
    assert made.pool("pretrained", "gop-ii", ["test"])[0].parts[2] == "gop"


def test_options_of_a_row_are_its_own_before_those_of_its_stage():
    made = rows()
    assert made.options("pretrained", "gop-ii") == {"dropout": 0}
    assert made.options("finetuned", "iii") == {"epochs": 5, "min_steps": 0}
    assert made.options("finetuned", "ii-iii") == {"epochs": 3, "min_steps": 0}
    assert made.options("unfrozen", "iiu") == {"module_rate": 1}


def test_a_row_learns_from_its_own_teacher_and_reads_frames_where_it_says_so():
    made = rows(splices=1)
    names = ["scores.csv", "splices.csv"]
    assert made.taught("pretrained", "ii") == [WORK / "synthetic" / name for name in names]
    simple = [WORK / "synthetic" / "simple" / name for name in names]
    assert made.taught("pretrained", "simple-ii") == simple
    assert made.options("pretrained", "simple-ii") == {"frame_norm": True}
    assert made.frames("pretrained", "ii", ["train"]) == []
    frames = WORK / "deep" / "sample" / "train" / "frame_shift"
    assert made.frames("pretrained", "simple-ii", ["train"]) == [frames]


def test_an_unfrozen_row_reads_what_enters_its_own_layers():
    made = rows(unfrozen={"one": {"start": "ii"}, "all": {"start": "ii", "upper": 0}})
    folder = WORK / "activations"
    assert made.lower("one", "train") == folder / "1" / "sample" / "train" / "lower.scp"
    assert made.lower("all", "test") == folder / "0" / "sample" / "test" / "lower.scp"


def test_tables_show_all_rows_or_those_asked_for_in_the_order_of_the_configuration():
    assert rows().shown == rows().names
    assert rows(only=["trees", "ii"]).shown == ["ii", "trees"]


@pytest.mark.parametrize(
    ("change", "network"),
    [
        ({}, "paper"),
        ({"train_tdnnf": {"network": "medium"}}, "medium"),
        ({"engine": "kaldi"}, "medium, of Kaldi's programs"),
        ({"acoustic_model": "/models/final.mdl"}, "final.mdl"),
    ],
)
def test_the_page_of_the_tables_says_which_network_it_is(change, network):
    made = rows()
    config = {**made.config, "train_tdnnf": {}} | change
    told = Rows(config, made.run).told()
    assert told == {"note": f"{made.run.note}; network: {network}", "synthetic": True}


def test_splices_are_made_where_they_are_asked_for():
    assert rows().synthetic == [WORK / "synthetic" / "scores.csv"]
    made = rows(splices=2)
    assert [path.name for path in made.synthetic] == ["scores.csv", "splices.csv"]
    assert made.synthetic_options() == {"folds": None, "splices": 2}


def test_unlabelled_speech_is_any_dataset_in_place_of_copies():
    made = rows(speeds=[], unlabelled=["sample/native", "librispeech/dev-clean"])
    made.check()
    assert made.copies == []
    assert made.unlabelled("pretrained", "gop-ii") == [
        WORK / "gop" / "sample" / "native" / "phones.scp",
        WORK / "gop" / "librispeech" / "dev-clean" / "phones.scp",
    ]
    assert made.tested == [WORK / "data" / "sample" / "test" / "utt2spk"]
    assert "; unlabelled speech of sample/native, librispeech/dev-clean" in made.run.note
    # It is measured as the speech that its regressors learnt; all other speech as its own corpus.
    train = WORK / "ali" / "sample" / "train" / "phones.ctm"
    assert reference(made.run, "librispeech") == reference(made.run, "sample") == train
    assert reference(made.run, "heard-sample").parts[-3] == "heard-sample"
    corpora = Corpora(made.config, made.run)
    assert corpora.download_options("librispeech") == {"splits": ["dev-clean"]}
    assert rows().tested == rows().unlabelled("pretrained", "ii") == []


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("sample/test", "paper1.unlabelled: sample/test is the test split: nothing learns its"),
        ("sample/train", "paper1.unlabelled: sample/train is the train split, which stage"),
        ("sample/dev", "sample/dev: sample has no split dev: train, test, native"),
        ("nobody/train", "nobody.yaml: no manifest of corpus nobody"),
    ],
)
def test_what_cannot_be_unlabelled_speech_is_named(named, message):
    with pytest.raises(InputError, match=message):
        rows(unlabelled=[named]).check()


def test_the_acoustic_model_of_the_rows_does_not_hear_the_test_split():
    config = rows().config | {"acoustic_data": ["sample/test"]}
    with pytest.raises(InputError, match="acoustic_data: sample/test is the test split: nothing"):
        Rows(config, resolve_run(config)).check()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"finetuned": {"a": {"start": "nothing"}}}, "paper1.finetuned.a.start: no row is called"),
        ({"unfrozen": {"a": {}}}, "paper1.unfrozen.a: needs the row that it starts from"),
        ({"only": ["ii", "a"]}, "paper1.only: no row is called a"),
        (
            {"pretrained": {"ii": {"teacher": "a"}}},
            "paper1.pretrained.ii.teacher: a is not of paper1.teachers",
        ),
    ],
)
def test_a_row_that_goes_on_from_none_is_named(change, message):
    with pytest.raises(InputError, match=message):
        rows(**change).check()


def spoken_call(root: Path) -> Path:
    folder = root / "corpora" / "spoken_call"
    folder.mkdir(parents=True)
    for name in ("scst_train.csv", "scst2_test_annotated.csv", "referenceGrammar_v3.0.0.xml"):
        (folder / name).touch()
    return folder


def responses(section=None, **others):
    return find_responses(configured(proficiency={"prepare_responses": section or {}} | others))


def test_responses_are_found_where_the_corpora_are(tmp_path):
    assert responses({"corpus": "auto", "folds": 3}).options == {"corpus": None, "folds": 3}
    folder = spoken_call(tmp_path)
    found = responses({"corpus": "auto"})
    assert found.options == {"corpus": folder} and len(found.files) == 3
    assert str(folder / "scst_train.csv") in found.note
    assert responses({"corpus": str(folder)}).files == found.files


def test_a_sample_of_responses_is_called_one(tmp_path):
    assert "GENERATED sample" in responses().note and "no corpus is named" in responses().note
    note = responses({"corpus": "auto"}).note
    assert "GENERATED sample" in note and f"{tmp_path}/corpora/spoken_call is not there" in note


def test_a_corpus_of_responses_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"prepare_responses.corpus: .*mistyped: no such folder"):
        responses({"corpus": str(tmp_path / "mistyped")})


def test_the_papers_protocol_splits_rows_and_reads_a_second_recogniser(tmp_path):
    folder = spoken_call(tmp_path)
    found = responses({"corpus": "auto"}, protocol="paper")
    assert found.options == {"corpus": folder, "split": "rows", "folds": 10}
    assert len(found.files) == 3
    (folder / "scst2_test_second_recogniser.csv").touch()
    assert responses({"corpus": "auto"}, protocol="paper").files[3:] == [
        folder / "scst2_test_second_recogniser.csv"
    ]
    assert len(responses({"corpus": "auto"}, protocol="ours").files) == 3
    own = responses({"corpus": "auto", "split": "speakers", "folds": 5}, protocol="paper")
    assert own.options == {"corpus": folder, "split": "speakers", "folds": 5}


def test_the_papers_protocol_is_not_of_recordings():
    config = spoken(proficiency={"protocol": "paper"})
    with pytest.raises(InputError, match=r"proficiency\.protocol: paper is of .* transcripts"):
        make_plan(config)


def test_named_files_are_read_in_place_of_the_corpus(tmp_path):
    for name in ("train.csv", "test.csv", "grammar.xml", "hyp.text", "vectors"):
        (tmp_path / name).touch()
    found = responses(
        {
            "train": str(tmp_path / "train.csv"),
            "test": str(tmp_path / "test.csv"),
            "grammar": str(tmp_path / "grammar.xml"),
            "transcripts": [str(tmp_path / "hyp.text"), str(tmp_path / "absent.text")],
        },
        expert_features={"word_vectors": str(tmp_path / "vectors"), "encoder": "absent"},
    )
    names = [path.name for path in found.files]
    assert names == ["train.csv", "test.csv", "grammar.xml", "hyp.text"]
    assert found.feature_files == [tmp_path / "vectors"]
    assert "train.csv" in found.note


def test_folders_of_proficiency_are_not_those_of_the_run():
    section = {"name": "sample", "experts": {"TREES": {}}}
    with pytest.raises(InputError, match=r"proficiency.name: sample is the run's own"):
        make_plan(configured(proficiency=section))


def spoken(speech=None, **sections):
    section = {"name": "r", "experts": {"TREES": {}}, "speech": speech or {}}
    return configured(
        corpus="spoken_sample", proficiency=section | sections.pop("proficiency", {}), **sections
    )


def test_what_was_heard_is_a_corpus_of_its_own():
    plan = make_plan(spoken({"decoder": "whisper", "second": "own", "encoder": "tiny.en"}))
    assert plan.speech and plan.speech.heard == "heard-spoken_sample"
    assert plan.config["encode"] == {"model": "tiny.en"}
    work = Path("work/spoken_sample")
    answers = plan.speech.answers()
    assert answers["decoded"][0] == work / "transcribe" / "spoken_sample" / "train" / "hyp.text"
    assert answers["second"][1] == work / "decode" / "spoken_sample" / "test" / "hyp.text"
    assert answers["pool_encoded"][0].parent == work / "pool_encoded" / plan.speech.heard / "train"
    assert "view" not in answers
    assert plan.responses and "transcribed by whisper" in plan.responses.note
    assert plan.responses.folders["acoustic_data"] == [
        work / "data" / "spoken_sample" / "native" / "utt2spk"
    ]
    plain = make_plan(spoken()).speech
    assert plain and not plain.answers().keys() & {"pool_encoded", "second"}
    assert plain.listens("TREES-ACOUSTIC") and not plain.listens("TREES")


def test_a_section_of_the_encoder_may_say_more_of_it():
    plan = make_plan(spoken({"encoder": "tiny.en"}, encode={"model": "base", "pad": 0.2}))
    assert plan.config["encode"] == {"model": "base", "pad": 0.2}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"acoustic_data": ["spoken_sample/native", "spoken_sample/test"]},
         r"acoustic_data: spoken_sample/test are responses themselves: .*Name a split of other"),
        ({"proficiency": {"prepare_responses": {"transcripts": ["."]}}},
         r"prepare_responses.transcripts: the responses are those of corpus spoken_sample"),
    ],
)  # fmt: skip
def test_a_spoken_run_that_cannot_be_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        make_plan(spoken(**change))


def test_speakers_that_a_model_knows_may_be_allowed():
    allowed = {"prepare_responses": {"allow_known_speakers": True}}
    make_plan(spoken(acoustic_data=["spoken_sample/train"], proficiency=allowed))
    config = spoken(acoustic_data=["spoken_sample/train"], acoustic_model="published.mdl")
    speech = Speech(config, resolve_run(config))
    speech.check()
    assert speech.responses().folders["acoustic_data"] == []


def test_two_recognisers_must_be_two(monkeypatch):
    with pytest.raises(InputError, match=r"speech.second: own is the first decoder already"):
        make_plan(spoken({"second": "own"}))
    with pytest.raises(InputError, match="engine kaldi: only the torch engine"):
        make_plan(spoken(engine="kaldi"))


def parts(**sections):
    config = configured(**sections)
    return Parts(config, resolve_run(config))


def test_all_datasets_or_those_named_go_in_parts():
    assert parts().numbers == parts(shards=1).numbers == {}
    assert parts(shards=2).numbers == {"sample/train": 2, "sample/test": 2, "sample/native": 2}
    named = parts(shards={"sample/native": 12, "sample/test": 1})
    assert named.numbers == {"sample/native": 12}
    assert re.fullmatch(named.pattern, "heard-sample/native")
    assert not re.fullmatch(named.pattern, "sample/native@1of12")
    assert not re.fullmatch(named.pattern, "sample/test")


def test_a_stage_of_the_whole_reads_what_it_wrote_of_the_parts():
    of_native = SimpleNamespace(dataset="sample/native")
    two = parts(shards={"sample/native": 2})
    assert two.gathered("mfcc13")(of_native) == [
        WORK / "mfcc13" / "sample" / f"native@{part}of2" / "feats.scp" for part in (1, 2)
    ]
    assert two.reports("mfcc13")(of_native) == ""
    assert two.reports("data")(of_native) == (
        "--reports work/sample/faults/faults.sample.native@1of2.csv "
        "work/sample/faults/faults.sample.native@2of2.csv "
        "--report results/sample/faults.sample.native.csv"
    )


def test_the_acoustic_model_learns_from_egs_where_its_datasets_go_in_parts():
    halves = [f"sample/native@{part}of2" for part in (1, 2)]
    assert parts().egs == parts(shards={"sample/test": 2}).egs == []
    assert parts(shards=2).egs == halves
    two = {"acoustic_data": ["sample/native", "librispeech/dev-clean"]}
    assert parts(shards={"sample/native": 2}, **two).egs == [*halves, "librispeech/dev-clean"]
    assert parts(shards=2, acoustic_model="final.mdl").egs == []


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"shards": {"sample/dev": 2}}, "shards.sample/dev: no dataset of this run: sample/train"),
        ({"shards": 2, "engine": "kaldi"}, "shards: engine kaldi has shards of its own"),
    ],
)
def test_parts_that_cannot_be_are_refused(sections, message):
    with pytest.raises(InputError, match=message):
        parts(**sections).check()


def test_a_plan_has_what_the_configuration_has_sections_for():
    plan = make_plan(configured(proficiency={"name": "calls", "experts": {"TREES": {}}}))
    assert plan.responses and not (plan.graders or plan.rows or plan.kaldi)


def test_the_kaldi_engine_learns_any_datasets():
    config = configured(engine="kaldi", kaldi={"jobs": 2})
    made = kaldi_training(config, resolve_run(config))
    assert made.learnt == "sample/native" and made.shards("sample/test") == ["000", "001"]
    config["acoustic_data"] = ["sample/native", "librispeech/dev-clean"]
    joined = kaldi_training(config, resolve_run(config))
    assert joined.plain == "acoustic_data/plain"
    work = resolve_run(config).work / "data"
    assert joined.data(joined.plain, work)[1] == work / "librispeech" / "dev-clean"
    config["kaldi"]["num_jobs_final"] = 3
    with pytest.raises(InputError, match=r"kaldi\.num_jobs_final: 3 jobs on 2 archives of egs"):
        kaldi_training(config, resolve_run(config))


def test_a_stage_has_the_runs_seed_unless_its_section_names_another():
    config = {"seed": 7, "train_gmm": {"seed": 2}, "grading": {"evaluate_grader": {"samples": 9}}}
    assert stage_options(config, "train_gmm") == {"seed": 2}
    assert stage_options(config, "evaluate_grader") == {"seed": 7, "samples": 9}
    assert stage_options(config | {"proficiency": {"train_expert": None}}, "train_expert") == {
        "seed": 8
    }
    assert stage_options(config, "align", {"beam": 1}, {"beam": 2, "jobs": 3}) == {
        "beam": 1,
        "jobs": 3,
    }
