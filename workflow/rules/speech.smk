# Recorded responses: what acoustic experts are told of them. Their transcripts are those of
# decode.smk; what was heard goes through features, align, export, pool and gop as any data do.
rule answer_features:
    input:
        data=rules.prepare_responses.output[0],
        **SPEECH.answers(),
    output:
        directory(ANSWERS),
    params:
        folders=folders("data", *SPEECH.answers(), out=0),
        options=options("answer_features"),
    resources:
        **NEEDS.resources("answer_features"),
    log:
        P_LOGS / "answer_features.log",
    benchmark:
        P_BENCHMARKS / "answer_features.tsv"
    shell:
        "pyscorer answer_features {params.folders} {params.options} 2>&1 | tee {log:q}"
