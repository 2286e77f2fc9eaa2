"""Spoken proficiency (Papi et al., Interspeech 2020): Tables 1 to 3 from prompts and transcripts."""

PROFICIENCY = config["proficiency"]
P_WORK = Path(config.get("work_root", "work")) / PROFICIENCY["name"]
P_RESULTS = Path(config.get("results_root", "results")) / PROFICIENCY["name"]
P_LOGS, P_BENCHMARKS = P_WORK / "logs", P_WORK / "benchmarks"
P_EXPERTS = [P_WORK / "experts" / expert for expert in PROFICIENCY["experts"]]


rule proficiency:
    input:
        P_RESULTS / "proficiency.html",
        P_WORK / "model" / "best.json",


rule prepare_responses:
    output:
        P_WORK / "data" / "folds.json",
    params:
        out=subpath(output[0], parent=True),
        options=flags(PROFICIENCY.get("prepare_responses", {})),
    log:
        P_LOGS / "prepare_responses.log",
    benchmark:
        P_BENCHMARKS / "prepare_responses.tsv"
    shell:
        "pyscorer prepare_responses --out {params.out} {params.options} > {log} 2>&1"
        " || {{ cat {log} >&2; exit 1; }}"


rule expert_features:
    input:
        rules.prepare_responses.output[0],
    output:
        directory(P_WORK / "features" / "encoders"),
    params:
        data=subpath(input[0], parent=True),
        out=subpath(output[0], parent=True),
        options=flags(PROFICIENCY.get("expert_features", {})),
    log:
        P_LOGS / "expert_features.log",
    benchmark:
        P_BENCHMARKS / "expert_features.tsv"
    shell:
        "pyscorer expert_features --data {params.data} --out {params.out} {params.options}"
        " > {log} 2>&1 || {{ cat {log} >&2; exit 1; }}"


rule train_expert:
    input:
        data=rules.prepare_responses.output[0],
        features=rules.expert_features.output[0],
    output:
        P_WORK / "experts" / "{expert}" / "outputs.npy",
    params:
        data=subpath(input.data, parent=True),
        features=subpath(input.features, parent=True),
        out=subpath(output[0], parent=True),
        options=lambda wildcards: flags(
            PROFICIENCY.get("train_expert", {})
            | (PROFICIENCY["experts"][wildcards.expert] or {})
        ),
    resources:
        mem_mb=3000,
    log:
        P_LOGS / "train_expert" / "{expert}.log",
    benchmark:
        P_BENCHMARKS / "train_expert" / "{expert}.tsv"
    shell:
        "OMP_NUM_THREADS=1 pyscorer train_expert --expert {wildcards.expert} --data {params.data}"
        " --features {params.features} --out {params.out} {params.options}"
        " > {log} 2>&1 || {{ cat {log} >&2; exit 1; }}"


rule train_mixture:
    input:
        data=rules.prepare_responses.output[0],
        experts=[expert / "outputs.npy" for expert in P_EXPERTS],
    output:
        P_WORK / "mixture" / "best.json",
    params:
        data=subpath(input.data, parent=True),
        experts=P_EXPERTS,
        out=subpath(output[0], parent=True),
        options=flags(PROFICIENCY.get("train_mixture", {})),
    threads: workflow.cores
    log:
        P_LOGS / "train_mixture.log",
    benchmark:
        P_BENCHMARKS / "train_mixture.tsv"
    shell:
        "OMP_NUM_THREADS={threads} pyscorer train_mixture --data {params.data}"
        " --experts {params.experts} --out {params.out} {params.options}"
        " > {log} 2>&1 || {{ cat {log} >&2; exit 1; }}"


rule proficiency_tables:
    input:
        data=rules.prepare_responses.output[0],
        experts=[expert / "outputs.npy" for expert in P_EXPERTS],
        mixture=rules.train_mixture.output[0],
    output:
        P_RESULTS / "proficiency.html",
    params:
        data=subpath(input.data, parent=True),
        experts=P_EXPERTS,
        mixture=subpath(input.mixture, parent=True),
        out=subpath(output[0], parent=True),
        options=flags(PROFICIENCY.get("proficiency_tables", {})),
    log:
        P_LOGS / "proficiency_tables.log",
    benchmark:
        P_BENCHMARKS / "proficiency_tables.tsv"
    shell:
        "pyscorer proficiency_tables --data {params.data} --experts {params.experts}"
        " --mixture {params.mixture} --out {params.out} {params.options}"
        " > {log} 2>&1 || {{ cat {log} >&2; exit 1; }}"


rule judge_model:
    input:
        features=rules.expert_features.output[0],
        experts=[expert / "outputs.npy" for expert in P_EXPERTS],
        mixture=rules.train_mixture.output[0],
    output:
        P_WORK / "model" / "best.json",
    params:
        features=subpath(input.features, parent=True),
        experts=P_EXPERTS,
        mixture=subpath(input.mixture, parent=True),
        out=subpath(output[0], parent=True),
    log:
        P_LOGS / "judge_model.log",
    benchmark:
        P_BENCHMARKS / "judge_model.tsv"
    shell:
        "pyscorer judge_model --features {params.features} --experts {params.experts}"
        " --mixture {params.mixture} --out {params.out}"
        " > {log} 2>&1 || {{ cat {log} >&2; exit 1; }}"
