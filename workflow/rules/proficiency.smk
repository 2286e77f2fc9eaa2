"""Spoken proficiency (Papi et al., Interspeech 2020): Tables 1 to 3 from prompts and transcripts."""

from pyscorer.planning.judging import Judging
from pyscorer.planning.responses import by_paper, protocol_options

PROFICIENCY, RESPONSES = config["proficiency"], PLAN.responses
SPEECH = PLAN.speech
PROTOCOL = protocol_options(config)
P_WORK = Path(config["work_root"]) / PROFICIENCY["name"]
P_RESULTS = Path(config["results_root"]) / PROFICIENCY["name"]
P_LOGS, P_BENCHMARKS = P_WORK / "logs", P_WORK / "benchmarks"
ANSWERS = P_WORK / "answers" / "encoder"
JUDGING = Judging(SPEECH, ANSWERS)
EXPERTS = [P_WORK / "experts" / expert / "outputs.npy" for expert in PROFICIENCY["experts"]]

if workflow.is_main_process:
    print(f"proficiency: {RESPONSES.note}", file=sys.stderr)


rule proficiency:
    input:
        P_RESULTS / "proficiency.html",
        [] if by_paper(config) else P_WORK / "model" / "best.json",


rule prepare_responses:
    localrule: True
    input:
        RESPONSES.files,
        **RESPONSES.folders,
    output:
        P_WORK / "data" / "folds.json",
    params:
        folders=folders(*RESPONSES.folders, out=0),
        options=options("prepare_responses", RESPONSES.options),
    log:
        P_LOGS / "prepare_responses.log",
    benchmark:
        P_BENCHMARKS / "prepare_responses.tsv"
    shell:
        "pyscorer prepare_responses {params.folders} {params.options} 2>&1 | tee {log:q}"


rule expert_features:
    input:
        RESPONSES.feature_files,
        data=rules.prepare_responses.output[0],
    output:
        directory(P_WORK / "features" / "encoders"),
    params:
        folders=folders("data", out=0),
        options=options("expert_features", base=PROTOCOL),
    resources:
        **NEEDS.resources("expert_features"),
    log:
        P_LOGS / "expert_features.log",
    benchmark:
        P_BENCHMARKS / "expert_features.tsv"
    shell:
        "pyscorer expert_features {params.folders} {params.options} 2>&1 | tee {log:q}"


rule train_expert:
    input:
        data=rules.prepare_responses.output[0],
        features=rules.expert_features.output[0],
        answers=lambda w: [ANSWERS] if SPEECH and SPEECH.listens(w.expert) else [],
    output:
        P_WORK / "experts" / "{expert}" / "outputs.npy",
    params:
        folders=folders("data", "features", "answers", out=0),
        options=lambda w: options("train_expert", PROFICIENCY["experts"][w.expert], PROTOCOL),
    resources:
        **NEEDS.resources("train_expert"),
    log:
        P_LOGS / "train_expert" / "{expert}.log",
    benchmark:
        P_BENCHMARKS / "train_expert" / "{expert}.tsv"
    shell:
        "OMP_NUM_THREADS=1 pyscorer train_expert --expert {wildcards.expert:q} {params.folders}"
        " {params.options} 2>&1 | tee {log:q}"
