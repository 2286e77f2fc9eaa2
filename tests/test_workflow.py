"""The rules as a whole: every target plans on every engine, quoted, apart from each other."""

import re
import shlex
import shutil
from itertools import chain, permutations, product
from pathlib import Path
from typing import Any

import pytest
import yaml
from dry_run import ROOT, dry_run, fake_programs, parsed

from pyscorer.cli import STAGES
from pyscorer.project.init import init

RULES = sorted((ROOT / "workflow" / "rules").glob("*.smk"))
SECTIONS = {
    "encode": {"model": "tiny.en"},
    "ctc_posteriors": {"model": "hama"},
    "grading": {
        "train_grader": {
            "sources": ["durations", "gop", "encoder", "learned_gop", "heard", "ctc_gop"]
        },
        "graders": {"all": {}, "gop": {"sources": ["gop"]}, "view": {"sources": ["recogniser"]}},
        "averages": {"both": ["all", "gop"]},
    },
    "paper1": {
        "speeds": [0.9],
        "splices": 1,
        "synthetic_scores": {"kind": "gbt"},
        "teachers": {"simple": {"measures": ["gmm_gop"]}},
        "pretrained": {
            "ii": {},
            "lpp-ii": {"inputs": "transition_gop", "deep": False},
            "simple-ii": {"teacher": "simple", "frame_norm": True},
        },
        "finetuned": {
            "iii": {},
            "ii-iii": {"start": "ii"},
            "simple-ii-iii": {"start": "simple-ii", "frame_norm": True},
        },
        "unfreeze_scorer": {"upper": 1},
        "unfrozen": {"iiu": {"start": "ii", "synthetic": True}},
    },
    "proficiency": {"name": "responses", "experts": {"fbk1": None, "TREES": {}}},
}
SPOKEN = SECTIONS | {
    "corpus": "spoken_sample",
    "proficiency": {
        "name": "responses",
        "speech": {"decoder": "vosk", "second": "whisper", "encoder": "tiny.en"},
        "experts": {"TREES": {}, "LSTM-STATES": {}},
    },
}
TARGETS = ("all", "paper1_tables", "grading", "proficiency", "recognition")
OURS = {"features", "train_gmm", "align", "chain_graphs", "train_tdnnf"}
"""Rules that the kaldi engine has others for."""


@pytest.mark.parametrize("foreign", [False, True], ids=["trained", "acoustic_model"])
@pytest.mark.parametrize("engine", ["torch", "kaldi"])
def test_every_target_plans_in_a_folder_of_any_name(engine: str, foreign: bool, tmp_path: Path):
    folder = tmp_path / "a b&c'd\"e;(f) 100% $ - ünï"
    fake_programs(folder / "bin")
    config = SECTIONS | {"engine": engine, "kaldi": {"jobs": 2, "epochs": 1, "mono_iterations": 3}}
    if foreign:
        config["acoustic_model"] = str(folder / "final.mdl")
        for name in ("final.mdl", "tree"):
            (folder / name).touch()
    results = folder / "results" / "sample"
    planned = dry_run(folder, *TARGETS, f"{results}/kaldi", f"{results}/vosk", **config)
    counts = planned.counts

    assert sum(counts.get(rule, 0) for rule in ("import_kaldi", "kaldi_model", "train_tdnnf")) == 1
    assert ("import_kaldi" in counts) == foreign
    assert not foreign or not counts.keys() & {"chain_graphs", "kaldi_train", "kaldi_combine"}
    assert engine == "torch" or not counts.keys() & OURS
    assert counts["perturb"] == counts["scale_alignment"] == counts["teacher_scores"] == 1
    assert sum(" --copies-frames " in command for command in planned.commands) == 1
    assert sum(" --train-frames " in command for command in planned.commands) == 2
    assert counts["export" if foreign or engine == "torch" else "kaldi_posteriors"] == 3

    assert len(planned.commands) > 50
    trees = set()
    for command in planned.commands:
        words = shlex.split(command)
        named = [word.replace("'\"'\"'", "'") for word in words if "b&c" in word]
        assert all(str(folder) in word.replace("'\\''", "'") for word in named), command
        if "--tree" in words and words[1] in ("transition_gop", "decoding_graph"):
            trees.add(words[words.index("--tree") + 1])
    ours = engine == "torch" and not foreign
    made = "graphs" if ours else "tdnnf"
    assert trees == {str(folder / "work" / "sample" / made / "tree.json")}


@pytest.mark.parametrize("engine", ["torch", "kaldi"])
def test_a_project_that_takes_the_workflow_as_a_module_has_the_same_commands(
    engine: str, tmp_path: Path
):
    init(tmp_path / "project")
    fake_programs(tmp_path / "bin")
    targets = [*TARGETS, *(f"{tmp_path}/results/sample/{name}" for name in ("kaldi", "vosk"))]
    manifests = str(tmp_path / "project" / "data_manifests")
    config = SECTIONS | {"engine": engine, "manifests": manifests}
    module = dry_run(tmp_path, *targets, project=tmp_path / "project", **config)
    included = dry_run(tmp_path, *targets, **config)
    assert module.counts == included.counts and len(module.commands) > 50
    assert sorted(module.commands) == sorted(included.commands)
    for place in (tmp_path / "project", ROOT):  # without a target: the report
        alone = dry_run(tmp_path, project=place, **config).counts
        assert alone["all"] == alone["report"] == 1 and alone["bundle"] == 2
        assert not {"train_grader", "train_expert", "decode"} & alone.keys()


def test_a_larger_workflow_takes_the_rules_under_other_names_and_part_of_its_configuration(
    tmp_path: Path,
):
    (tmp_path / "Snakefile").write_text(LARGER)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")  # which prints commands
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text()) | {"corpus": "sample"}
    (tmp_path / "larger.yaml").write_text(yaml.safe_dump({"scoring": config}))
    planned = dry_run(tmp_path, "count.txt", project=tmp_path)
    assert planned.counts["count"] == planned.counts["scoring_report"] == 1
    assert "wc -l results/sample/report.html results/sample/models/deep" in planned.text
    commands = [command for command in planned.commands if command.startswith("pyscorer")]
    assert len(commands) > 25 and not any(str(tmp_path) in command for command in commands)


LARGER = """
from pyscorer.shipped import RECIPES, WORKFLOW

configfile: "larger.yaml"

module pyscorer:
    snakefile: WORKFLOW / "Snakefile"
    config: config["scoring"]

use rule * from pyscorer as scoring_*

rule count:
    input: pyscorer.TARGETS
    output: "count.txt"
    shell: "wc -l {input} > {output}"
"""


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_commands_take_all_from_their_rule(path: Path):
    """Snakemake fills in names of the project's Snakefile where the rules are a module."""
    for command in re.findall(r"    shell:\n((?:        .*\n)+)", path.read_text()):
        fields = {
            re.split(r"[.:\[]", field)[0] for field in re.findall(r"(?<!{){([^{}]+)}", command)
        }
        own = {"input", "output", "params", "wildcards", "threads", "resources", "log"}
        assert fields <= own | {"RECIPES"}, command


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_paths_are_quoted_and_there_is_one_way_to_log(path: Path):
    text = path.read_text()
    commands = re.findall(r"    shell:\n((?:        .*\n)+)", text)
    rules = len(re.findall(r"^ *rule( \w+)?:", text, re.MULTILINE))  # in a loop without a name
    targets = text.count("\nrule grading:") + text.count("\nrule recognition:")
    targets += text.count("\nrule proficiency:") + text.count("\nrule paper1_tables:")
    targets += text.count("\nrule compared:") + text.count("\nrule shipped:")
    assert len(commands) == rules - targets
    for command in commands:
        assert command.rstrip().endswith('2>&1 | tee {log:q}"'), command
        # Flags are made by shlex.join, numbers and names of programs are not paths.
        for field in re.findall(r"(?<!{){([^{}]+)}", command):
            name = field.partition(":")[0]
            path_like = re.match(rf"input|output|log|RECIPES|params\.({PATHS})\b", name)
            assert not path_like or field.endswith(":q"), f"{field} in {command}"


PATHS = "data|document|graphs|lang|mfcc|names|out|report|results|root|stem|tree"
"""Parameters that are paths, or names that people give."""


WILDCARD = re.compile(r"{\w+(?:,([^{}]*))?}")


def meets(one: str, other: str) -> bool:
    """Whether two parts of paths with wildcards may be the same name."""
    for part, against in ((one, other), (other, one)):
        listed = re.fullmatch(r"{\w+,([\w-]+(?:\|[\w-]+)+)}", part)
        if listed:
            return any(meets(name, against) for name in listed[1].split("|"))
    for pattern, name in ((one, other), (other, one)):
        if not WILDCARD.search(name):
            literals = WILDCARD.split(pattern)[::2]
            constraints = [f"(?:{m[1] or '.+'})" for m in WILDCARD.finditer(pattern)]
            regex = "".join(chain(*zip(map(re.escape, literals), [*constraints, ""], strict=True)))
            return bool(re.fullmatch(regex, name))
    return True


def inside(pattern: str, folder: str) -> bool:
    """Whether a path may lie in a folder, both with wildcards."""
    path, above = (re.split(r"/(?![^{}]*})", text) for text in (pattern, folder))
    return len(path) > len(above) and all(map(meets, path, above))


def test_a_path_inside_a_folder_is_found():
    assert inside("w/models/{scorer}/a.csv", "w/models/{scorer}")
    assert inside("w/models/deep/a.csv", "w/models/{scorer,[^/]+}")
    assert inside("w/{kind,models|mfcc}/a/b", "w/models/{scorer}")
    assert not inside("w/{kind,mfcc}/a/b", "w/models/{scorer}")
    assert not inside("w/models/{scorer}", "w/models/{scorer}")
    assert not inside("w/models.csv", "w/models")
    assert inside("w/s{n,[0-9]}/a", "w/{kind,s1|models}")
    assert not inside("w/s{n,[0-9]}/a", "w/{kind,mfcc|models}")


def replaces(stage: str) -> bool:
    """Whether a stage puts a new folder in the place of `out`."""
    if stage not in STAGES or stage == "kaldi_network":  # which shares a module with export_kaldi
        return False
    path = ROOT / "pyscorer" / Path(*STAGES[stage].split(".")).with_suffix(".py")
    return "atomic_directory(out)" in path.read_text()


PAPER = SECTIONS | {"proficiency": SECTIONS["proficiency"] | {"protocol": "paper"}}


@pytest.mark.parametrize(("engine", "sections"), [("torch", SECTIONS), ("kaldi", SECTIONS),
                                                  ("torch", SPOKEN), ("torch", PAPER)])  # fmt: skip
def test_no_rule_writes_into_a_folder_that_another_replaces(
    engine: str, sections: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(fake_programs(tmp_path / "bin")), prepend=":")
    rules = parsed(tmp_path, engine=engine, **sections)
    assert {"bundle", "bundle_grader", "train_expert", "finetune_scorer"} <= {r.name for r in rules}
    replaced = {rule.name: [str(p) for p in rule.output if p.is_directory] for rule in rules}
    for rule in rules:
        if not replaced[rule.name] and replaces(rule.name):
            replaced[rule.name] = [str(rule.output[0]).rpartition("/")[0]]
    assert all(replaced[name] for name in ("bundle", "decoding_graph", "validate", "evaluate"))
    for rule, other in permutations(rules, 2):
        written = [*other.output, *other.log, *([other.benchmark] if other.benchmark else [])]
        own = {Path(path).name for path in rule.output}  # of which ruleorder picks one
        for folder, path in product(replaced[rule.name], map(str, written)):
            if Path(path).name not in own:
                assert not inside(path, folder), f"{other.name}: {path} in that of {rule.name}"


def test_files_of_the_users_are_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """So that a changed one makes what was made of it anew."""
    corpora = tmp_path / "corpora"
    for name in ("scst_train.csv", "scst2_test_annotated.csv", "referenceGrammar_v3.0.0.xml"):
        (corpora / "spoken_call").mkdir(parents=True, exist_ok=True)
        (corpora / "spoken_call" / name).touch()
    for name in ("train/text", "test/text", "resource/lexicon.txt", "resource/text-phone"):
        (corpora / "speechocean762" / name).parent.mkdir(parents=True, exist_ok=True)
        (corpora / "speechocean762" / name).touch()
    (corpora / "speechocean762" / "resource" / "scores.json").touch()
    (tmp_path / "generic.txt").touch()
    (tmp_path / "vectors.bin").touch()
    monkeypatch.setenv("PYSCORER_CORPORA", str(corpora))
    responses = {"corpus": "auto", "generic_text": str(tmp_path / "generic.txt")}
    features = {"word_vectors": str(tmp_path / "vectors.bin")}
    section = SECTIONS["proficiency"] | {
        "prepare_responses": responses,
        "expert_features": features,
    }
    rules = {r.name: r for r in parsed(tmp_path, corpus="speechocean762", proficiency=section)}
    inputs = {name: {Path(str(p)).name for p in rule.input} for name, rule in rules.items()
              if name in ("prepare_responses", "expert_features")}  # fmt: skip
    assert inputs["prepare_responses"] == {
        "scst_train.csv", "scst2_test_annotated.csv", "referenceGrammar_v3.0.0.xml", "generic.txt",
    }  # fmt: skip
    assert inputs["expert_features"] == {"vectors.bin", "folds.json"}
    target = f"{tmp_path}/work/speechocean762-30spk/prepared/speechocean762/train/utt2spk"
    planned = dry_run(tmp_path, target, corpus="speechocean762")
    wanted = re.search(r"^rule prepare:\n    input: (.*)$", planned.text, re.MULTILINE)
    assert wanted and wanted[1].count(str(corpora / "speechocean762")) == 4  # but not the labels
    assert f"{tmp_path}/work/speechocean762-30spk/changes/speechocean762/train.spoken" in wanted[1]


def test_a_source_without_its_section_stops_the_run_at_its_start(tmp_path: Path):
    grading = {"graders": {"all": {"sources": ["durations", "heard"]}}}
    planned = dry_run(tmp_path, "grading", grading=grading, fails=True)
    wanted = "error: grading.graders.all.sources: heard needs a section encode (or recogniser_view"
    assert wanted in planned.text and "MissingInput" not in planned.text
    view = {"recogniser_view": {"model": "tiny.en"}}
    assert dry_run(tmp_path, "grading", grading=grading, **view).counts["heard_phones"] == 2


def test_folds_are_measured_by_models_of_the_others(tmp_path: Path):
    grading = {"cross_fit": 2, "graders": {"all": {"sources": ["durations", "gop"]}}}
    planned = dry_run(tmp_path, "grading", grading=grading, acoustic_data=["sample/train"])
    counts = planned.counts
    for rule in ("train_gmm_fold", "train_tdnnf_fold", "export_fold", "gop_fold", "others_data"):
        assert counts[rule] == 2, rule
    assert counts["train_tdnnf"] == 1 and counts["gop"] == 1  # of the test split
    work = tmp_path / "work" / "sample+sample-train"
    (own,) = (c for c in planned.commands if f"--out {work}/gop/sample/train-fold1of2" in c)
    assert (
        f"--gmm {work}/cross_fit/gmm/1of2" in own and f"--feats {work}/mfcc13/sample/train" in own
    )
    (trained,) = (c for c in planned.commands if f"--out {work}/cross_fit/tdnnf/1of2" in c)
    assert f"--data {work}/data/sample/train-but1of2 " in trained
    (graded,) = (c for c in planned.commands if "pyscorer train_grader" in c)
    assert f"--gop {work}/cross_fit/gop/sample" in graded


def test_proficiency_without_its_corpus_takes_a_sample_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "nothing").mkdir()
    monkeypatch.setenv("PYSCORER_CORPORA", str(tmp_path / "nothing"))
    config = yaml.safe_load((ROOT / "config" / "proficiency.yaml").read_text())
    planned = dry_run(tmp_path, "proficiency", **config)
    assert planned.counts["prepare_responses"] == 1
    assert f"sample of responses, whose figures mean nothing: {tmp_path}/nothing" in planned.text
    command = next(c for c in planned.commands if "prepare_responses" in c)
    assert "--corpus" not in command and "auto" not in command
    config["proficiency"]["prepare_responses"]["corpus"] = str(tmp_path / "mistyped")
    planned = dry_run(tmp_path, "proficiency", **config, fails=True)
    wanted = f"proficiency.prepare_responses.corpus: {tmp_path}/mistyped: no such folder"
    assert wanted in planned.text


@pytest.mark.parametrize("name", ["papi2020", "papi2020_speakers"])
def test_the_papers_protocol_has_its_own_combinations_and_tables(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "nothing").mkdir()
    monkeypatch.setenv("PYSCORER_CORPORA", str(tmp_path / "nothing"))
    config = yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text())
    planned = dry_run(tmp_path, "proficiency", "quote_proficiency", **config)
    experts = len(config["proficiency"]["experts"])
    assert planned.counts == {
        "prepare_responses": 1, "expert_features": 1, "train_expert": experts, "combine_experts": 1,
        "expert_tables": 1, "proficiency": 1, "quote_proficiency": 1, "total": experts + 6,
    }  # fmt: skip
    split = "speakers" if name.endswith("speakers") else "rows"
    (prepared,) = (c for c in planned.commands if "pyscorer prepare_responses" in c)
    assert f"--split {split}" in prepared and "--folds 10" in prepared
    for stage in ("train_expert", "expert_features"):
        said = [c for c in planned.commands if f"pyscorer {stage}" in c]
        assert said and all("--protocol paper" in command for command in said)
    (tables,) = (c for c in planned.commands if "pyscorer expert_tables" in c)
    assert f"--combined {tmp_path}/work/{name}/combined" in tables and "GENERATED" in tables
    (quoted,) = (c for c in planned.commands if "pyscorer quote" in c)
    assert f"--results {tmp_path}/results " in quoted and "docs/proficiency-tables.md" in quoted
    config["proficiency"]["protocol"] = "ours"
    config["proficiency"].pop("combine_experts")
    counts = dry_run(tmp_path, "proficiency", **config).counts
    assert counts["train_mixture"] == 1 and "combine_experts" not in counts


def test_goodness_by_ctc_is_measured_where_it_is_read(tmp_path: Path):
    baselines = {"own": {}, "ctc": {"measures": ["ctc_gop"]}}
    config = {"ctc_posteriors": {"model": "hama"}, "baselines": baselines}
    planned = dry_run(tmp_path, "all", **config)
    assert planned.counts["ctc_posteriors"] == planned.counts["ctc_gop"] == 2
    assert all("--model hama" in c for c in planned.commands if "pyscorer ctc_posteriors" in c)
    folder = tmp_path / "work" / "sample"
    trained = [c for c in planned.commands if "pyscorer train_baseline" in c]
    pools = [f"--train-pool {folder}/{name}/sample/train" for name in ("gop", "ctc_gop")]
    # The default baseline and `own` read GOP by the acoustic model.
    assert [sum(pool in c for c in trained) for pool in pools] == [2, 1]
    (tmp_path / "map.txt").touch()
    own = dry_run(tmp_path, "all", ctc_gop={"phone_map": str(tmp_path / "map.txt")}, **config)
    measured = [c for c in own.commands if "pyscorer ctc_gop" in c]
    assert all(f"--phone-map {tmp_path / 'map.txt'}" in c for c in measured)


def test_recorded_responses_are_heard_and_go_through_the_stages_as_any_data(tmp_path: Path):
    planned = dry_run(tmp_path, "proficiency", **SPOKEN)
    counts = planned.counts
    wanted = {"decode_vosk": 2, "transcribe": 2, "heard": 2, "pool": 2, "gop": 2, "encode": 2,
              "pool_encoded": 2, "answer_features": 1, "label": 2, "export_vosk": 1}  # fmt: skip
    assert {rule: counts.get(rule) for rule in wanted} == wanted
    assert "decode" not in counts
    work = tmp_path / "work" / "spoken_sample"
    (command,) = (c for c in planned.commands if "pyscorer prepare_responses" in c)
    for flag, folder in (
        ("--train-data", "labelled/spoken_sample/train"),
        ("--test-decoded", "decode_vosk/spoken_sample/test"),
        ("--acoustic-data", "data/spoken_sample/native"),
        ("--grammar", "corpora/spoken_sample/grammar.csv"),
    ):
        assert f"{flag} {work / folder}" in command
    (command,) = (c for c in planned.commands if "pyscorer answer_features" in c)
    for flag, folder in (
        ("--recordings", "data/spoken_sample"),
        ("--second", "transcribe/spoken_sample"),
        ("--gop", "gop/heard-spoken_sample"),
        ("--pool-encoded", "pool_encoded/heard-spoken_sample"),
    ):
        assert f"{flag} {work / folder}/train {work / folder}/test" in command
    trained = {
        c.split()[c.split().index("--expert") + 1]: c for c in planned.commands if "--expert " in c
    }
    assert "--answers" in trained["LSTM-STATES"] and "--answers" not in trained["TREES"]
    (graph,) = (c for c in planned.commands if "pyscorer decoding_graph" in c)
    assert f"--text {work}/data/spoken_sample/native/text" in graph and "train/text" not in graph


def test_every_stage_runs_on_each_part_and_what_reads_the_whole_is_planned_once(tmp_path: Path):
    targets = ("all", "paper1_tables", "grading", "recognition")
    config = SECTIONS | {"recogniser_view": {"model": "tiny.en"}}
    whole = dry_run(tmp_path, *targets, **config)
    assert sorted(dry_run(tmp_path, *targets, **config, shards=1).commands) == sorted(
        whole.commands
    )
    planned = dry_run(tmp_path, *targets, **config, shards=3)
    counts = planned.counts
    assert counts["split_data"] == counts["validate"] == 9  # train, test and native
    assert counts["align"] == 9 and counts["gather_ali"] == 2  # nothing reads that of native
    # The copies of paper1 are made of the whole train split, and go as a whole.
    assert counts["gop"] == counts["pool"] == counts["transition_gop"] == 7
    for stage in ("recogniser_view", "heard_phones", "ctc_gop"):
        assert counts[stage] == 6 and counts[f"gather_{stage}"] == 2, stage
    assert counts["decode"] == 3 and counts["gather_decode"] == 1
    assert counts["encode_part"] == counts["pool_encoded_part"] == 6 and "encode" not in counts
    # A network learns from the parts themselves, as egs, and not from tables of the whole.
    assert counts["egs"] == 3 and counts["train_tdnnf_on_egs"] == 1 and "train_tdnnf" not in counts
    (training,) = (c for c in planned.commands if " train_tdnnf " in c)
    given = [f"{tmp_path}/work/sample/egs/sample/native@{part}of3" for part in (1, 2, 3)]
    assert f"--egs {' '.join(given)} --graphs" in training and "--feats" not in training
    assert counts["chain_statistics"] == 3 and "chain_graphs" not in counts
    (graphs,) = (c for c in planned.commands if " chain_graphs " in c)
    sums = [f"{tmp_path}/work/sample/statistics/sample/native@{part}of3" for part in (1, 2, 3)]
    assert f"--statistics {' '.join(sums)} --out" in graphs and "--feats" not in graphs
    once = ("train_gmm", "report", "perturb", "train_learned_gop")
    assert all(counts[rule] == whole.counts[rule] for rule in once)
    gathers = [command for command in planned.commands if command.startswith("pyscorer gather ")]
    assert len(gathers) == sum(n for rule, n in counts.items() if rule.startswith("gather_"))
    gathered = next(command for command in gathers if "/data/sample/test " in command)
    assert f"--report {tmp_path}/results/sample/faults.sample.test.csv" in gathered
    assert f"{tmp_path}/work/sample/data/sample/test@3of3 --out" in gathered


def test_only_named_datasets_go_in_parts_and_so_does_what_was_heard(tmp_path: Path):
    counts = dry_run(tmp_path, "proficiency", **SPOKEN, shards={"spoken_sample/test": 2}).counts
    assert counts["split_data"] == counts["encode_part"] == 2
    assert counts["heard"] == counts["encode_part"] + counts["encode"] == 3
    assert counts["gop"] == 3 and counts["gather_gop"] == 1


def test_a_larger_workflow_may_take_parts(tmp_path: Path):
    init(tmp_path / "project")
    config = SECTIONS | {"shards": 2, "manifests": str(tmp_path / "project" / "data_manifests")}
    module = dry_run(tmp_path, *TARGETS, project=tmp_path / "project", **config)
    included = dry_run(tmp_path, *TARGETS, **config)
    assert sorted(module.commands) == sorted(included.commands)


def test_unlabelled_speech_of_another_corpus_goes_through_the_stages_without_labels(tmp_path: Path):
    rows = {
        "speeds": [],
        "unlabelled": ["librispeech/dev-clean"],
        "synthetic_scores": {"kind": "gbt"},
        "pretrained": {"ii": {}, "lpp-ii": {"inputs": "transition_gop", "deep": False}},
        "finetuned": {"ii-iii": {"start": "ii"}},
        "unfreeze_scorer": {"upper": 1},
        "unfrozen": {"iiu": {"start": "ii", "synthetic": True}},
    }
    planned = dry_run(tmp_path, "paper1_tables", **SECTIONS | {"paper1": rows})
    work, more = tmp_path / "work" / "sample", "librispeech/dev-clean"
    (scores,) = (c for c in planned.commands if "pyscorer synthetic_scores" in c)
    assert f"--unlabelled-data {work}/data/{more} --unlabelled-pool {work}/gop/{more}" in scores
    assert f"--test-data {work}/data/sample/test" in scores and "--copies" not in scores
    reference = f"--reference {work}/ali/sample/train"
    for stage in ("gop", "transition_gop"):
        (measured,) = (
            c for c in planned.commands if f"pyscorer {stage} --data {work}/data/{more}" in c
        )
        assert reference in measured
    learnt = [c for c in planned.commands if "pyscorer pretrain_scorer" in c]
    # Snakemake plans rows that do not depend on each other in no fixed order.
    assert sorted(re.search(r"--unlabelled (\S+)", c)[1] for c in learnt) == [
        f"{work}/{folder}/{more}" for folder in ("pool", "transition_gop")
    ]
    (unfrozen,) = (c for c in planned.commands if "pyscorer unfreeze_scorer" in c)
    lower = f"{work}/activations/1/{more}"
    assert f"--unlabelled {work}/pool/{more} --unlabelled-lower {lower}" in unfrozen
    assert not planned.counts.keys() & {"perturb", "scale_alignment"}
    labelled = [c for c in planned.commands if "pyscorer label" in c]
    assert len(labelled) == 2 and not any("librispeech" in c for c in labelled)


@pytest.mark.parametrize(
    "stage", ["export", "average_graders", "bundle_grader", "answer_features", "transcribe"]
)
def test_rules_pass_their_sections_on(stage: str):
    text = "".join(path.read_text() for path in RULES)
    rule = re.search(rf"^rule {stage}:\n(.*?)(?:\n\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    assert rule and f'options("{stage}"' in rule[1] and "{params.options}" in rule[1]
