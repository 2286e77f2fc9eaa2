"""Spoken proficiency (Papi et al., Interspeech 2020): Tables 1 to 3 from prompts and transcripts."""

from pyscorer.planning.judging import Judging

PROFICIENCY, RESPONSES = config["proficiency"], PLAN.responses
SPEECH = PLAN.speech
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
        P_WORK / "model" / "best.json",


rule prepare_responses:
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
        options=options("expert_features"),
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
        options=lambda w: options("train_expert", PROFICIENCY["experts"][w.expert]),
    resources:
        mem_mb=3000,
    log:
        P_LOGS / "train_expert" / "{expert}.log",
    benchmark:
        P_BENCHMARKS / "train_expert" / "{expert}.tsv"
    shell:
        "OMP_NUM_THREADS=1 pyscorer train_expert --expert {wildcards.expert:q} {params.folders}"
        " {params.options} 2>&1 | tee {log:q}"


rule train_mixture:
    input:
        data=rules.prepare_responses.output[0],
        experts=EXPERTS,
    output:
        P_WORK / "mixture" / "best.json",
    params:
        folders=folders("data", "experts", out=0),
        options=options("train_mixture"),
    threads: workflow.cores
    log:
        P_LOGS / "train_mixture.log",
    benchmark:
        P_BENCHMARKS / "train_mixture.tsv"
    shell:
        "OMP_NUM_THREADS={threads} pyscorer train_mixture {params.folders} {params.options}"
        " 2>&1 | tee {log:q}"


rule proficiency_tables:
    input:
        data=rules.prepare_responses.output[0],
        experts=EXPERTS,
        mixture=rules.train_mixture.output[0],
    output:
        P_RESULTS / "proficiency.html",
    params:
        folders=folders("data", "experts", "mixture", out=0),
        options=options("proficiency_tables"),
    log:
        P_LOGS / "proficiency_tables.log",
    benchmark:
        P_BENCHMARKS / "proficiency_tables.tsv"
    shell:
        "pyscorer proficiency_tables {params.folders} {params.options} 2>&1 | tee {log:q}"


rule judge_model:
    input:
        features=rules.expert_features.output[0],
        experts=EXPERTS,
        mixture=rules.train_mixture.output[0],
        **JUDGING.folders,
        **JUDGING.files,
    output:
        P_WORK / "model" / "best.json",
    params:
        folders=folders("features", "experts", "mixture", *JUDGING.folders, out=0),
        files=files(*JUDGING.files),
        options=options("judge_model", JUDGING.options),
    log:
        P_LOGS / "judge_model.log",
    benchmark:
        P_BENCHMARKS / "judge_model.tsv"
    shell:
        "pyscorer judge_model {params.folders} {params.files} {params.options} 2>&1 | tee {log:q}"
