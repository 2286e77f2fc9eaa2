"""Experts combined in our protocol: pseudo-joint models, mixtures and memory with tuned thresholds,
their tables, and the model that judges new responses.
"""


rule train_mixture:
    input:
        data=rules.prepare_responses.output[0],
        experts=EXPERTS,
    output:
        P_WORK / "mixture" / "best.json",
    params:
        folders=folders("data", "experts", out=0),
        options=options("train_mixture"),
    threads: NEEDS.threads("train_mixture")
    resources:
        **NEEDS.resources("train_mixture"),
    log:
        P_LOGS / "train_mixture.log",
    benchmark:
        P_BENCHMARKS / "train_mixture.tsv"
    shell:
        "OMP_NUM_THREADS={threads} pyscorer train_mixture {params.folders} {params.options}"
        " 2>&1 | tee {log:q}"


rule proficiency_tables:
    localrule: True
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
    resources:
        **NEEDS.resources("judge_model"),
    log:
        P_LOGS / "judge_model.log",
    benchmark:
        P_BENCHMARKS / "judge_model.tsv"
    shell:
        "pyscorer judge_model {params.folders} {params.files} {params.options} 2>&1 | tee {log:q}"
