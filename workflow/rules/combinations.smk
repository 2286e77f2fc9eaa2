"""Experts combined in the paper's protocol (Papi et al., Interspeech 2020), and its tables."""


rule combine_experts:
    input:
        data=rules.prepare_responses.output[0],
        experts=EXPERTS,
    output:
        P_WORK / "combined" / "systems.json",
    params:
        folders=folders("data", "experts", out=0),
        options=options("combine_experts"),
    threads: NEEDS.threads("combine_experts")
    resources:
        **NEEDS.resources("combine_experts"),
    log:
        P_LOGS / "combine_experts.log",
    benchmark:
        P_BENCHMARKS / "combine_experts.tsv"
    shell:
        "pyscorer combine_experts {params.folders} --jobs {threads} {params.options}"
        " 2>&1 | tee {log:q}"


rule expert_tables:
    localrule: True
    input:
        data=rules.prepare_responses.output[0],
        experts=EXPERTS,
        combined=rules.combine_experts.output[0],
    output:
        P_RESULTS / "proficiency.html",
    params:
        folders=folders("data", "experts", "combined", out=0),
        options=options("expert_tables", {"note": RESPONSES.note}),
    log:
        P_LOGS / "expert_tables.log",
    benchmark:
        P_BENCHMARKS / "expert_tables.tsv"
    shell:
        "pyscorer expert_tables {params.folders} {params.options} 2>&1 | tee {log:q}"


rule quote_proficiency:
    """The tables of this run and of others in the same folder, copied into their document."""
    localrule: True
    input:
        rules.expert_tables.output[0],
    params:
        results=P_RESULTS.parent,
        document=RECIPES.parent / "docs" / "proficiency-tables.md",
    log:
        P_LOGS / "quote.log",
    shell:
        "pyscorer quote --results {params.results:q} --document {params.document:q}"
        " 2>&1 | tee {log:q}"
