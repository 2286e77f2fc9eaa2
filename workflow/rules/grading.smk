# Graders: scores of phones, words and utterances (target `grading`).
GRADERS = PLAN.graders


rule prosody:
    """Pitch and loudness, and what they say of phones, syllables, words and utterances."""
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        ali=WORK / "ali" / "{corpus}" / "{split}" / "phones.ctm",
    output:
        WORK / "prosody" / "{corpus}" / "{split}" / "phones.scp",
    params:
        folders=folders("data", "ali", out=0),
        options=options("prosody"),
    threads: NEEDS.threads("prosody")
    resources:
        **NEEDS.resources("prosody"),
    log:
        LOGS / "prosody" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "prosody" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer prosody {params.folders} --jobs {threads} {params.options} 2>&1 | tee {log:q}"


rule train_grader:
    """One ensemble for all scores, from the sources that it is given."""
    input:
        **train_and_test(data="labelled/utt2spk"),
        sources=lambda w: GRADERS.source_files(w.grader),
    output:
        WORK / "graders" / "{grader}" / "model.pt",
    params:
        folders=folders("train_data", "test_data", out=0),
        options=lambda w: options(
            "train_grader", GRADERS.options(w.grader), base=GRADERS.sources(w.grader)
        ),
    threads: NEEDS.threads("train_grader")
    resources:
        **NEEDS.resources("train_grader"),
    log:
        LOGS / "train_grader" / "{grader}.log",
    benchmark:
        BENCHMARKS / "train_grader" / "{grader}.tsv"
    shell:
        "pyscorer train_grader {params.folders} --jobs {threads} {params.options}"
        " 2>&1 | tee {log:q}"


rule average_graders:
    """Several graders as one more ensemble."""
    localrule: True
    input:
        graders=lambda w: [GRADERS.model(name) for name in GRADERS.averages[w.average]],
    output:
        WORK / "averaged_graders" / "{average}" / "scores_phone.csv",
    params:
        folders=folders("graders", out=0),
        options=options("average_graders"),
    log:
        LOGS / "average_graders" / "{average}.log",
    benchmark:
        BENCHMARKS / "average_graders" / "{average}.tsv"
    shell:
        "pyscorer average_graders {params.folders} {params.options} 2>&1 | tee {log:q}"


rule evaluate_grader:
    localrule: True
    input:
        data=WORK / "labelled" / CORPUS / "test" / "utt2spk",
        graders=[GRADERS.model(name) for name in (*GRADERS.names, *GRADERS.averages)],
        rivals=GRADERS.rivals,
    output:
        RESULTS / "grading" / "results.csv",
    params:
        folders=folders("data", "graders", out=0),
        names=[*GRADERS.names, *GRADERS.averages],
        options=options("evaluate_grader", GRADERS.evaluation()),
    log:
        LOGS / "evaluate_grader.log",
    benchmark:
        BENCHMARKS / "evaluate_grader.tsv"
    shell:
        "pyscorer evaluate_grader {params.folders} --names {params.names:q} {params.options}"
        " 2>&1 | tee {log:q}"


rule bundle_grader:
    """A grader and all that it stands on in one directory, for `pyscorer score` and `score_all`."""
    localrule: True
    input:
        gmm=WORK / "gmm" / "final.npz",
        data=WORK / "data" / CORPUS / "train" / "lexicon.txt",
        tdnnf=PLAN.acoustic.model,
        grader=WORK / "graders" / "{grader}" / "model.pt",
        ali=WORK / "ali" / CORPUS / "train" / "phones.ctm",
        pool=WORK / "pool" / CORPUS / "train" / "phones.scp",
        deep=WORK / "deep" / CORPUS / "train" / "embed.scp",
    output:
        directory(RESULTS / "graders" / "{grader}"),
    params:
        folders=folders("gmm", "grader", "data", "ali", "pool", "deep"),
        options=lambda w: options("bundle_grader", base=GRADERS.bundle(w.grader)),
    log:
        LOGS / "bundle_grader" / "{grader}.log",
    benchmark:
        BENCHMARKS / "bundle_grader" / "{grader}.tsv"
    shell:
        "pyscorer bundle_grader {params.folders} --lexicon {input.data:q} --tdnnf {input.tdnnf:q}"
        " --out {output:q} {params.options} 2>&1 | tee {log:q}"


rule ship_bundle:
    """A grader made small, with its card: what comes with the package (target `shipped`)."""
    localrule: True
    input:
        model=lambda w: RESULTS / "graders" / GRADERS.shipped[w.bundle],
        grading=RESULTS / "grading" / "results.csv",
        data=WORK / "data" / CORPUS / "test" / "utt2spk",
        train=WORK / "data" / CORPUS / "train" / "utt2spk",
    output:
        directory(RESULTS / "shipped" / "{bundle}"),
    params:
        folders=folders("grading", "data", "train"),
        options=lambda w: options("ship_bundle", base=GRADERS.shipping(w.bundle)),
    log:
        LOGS / "ship_bundle" / "{bundle}.log",
    benchmark:
        BENCHMARKS / "ship_bundle" / "{bundle}.tsv"
    shell:
        "pyscorer ship_bundle --model {input.model:q} {params.folders} --out {output:q}"
        " {params.options} 2>&1 | tee {log:q}"


rule shipped:
    input:
        [RESULTS / "shipped" / name for name in GRADERS.shipped],


rule grading:
    input:
        RESULTS / "grading" / "results.csv",
        RESULTS / "graders" / GRADERS.names[0],
