DOWNLOADED = RUN.corpora_root / f"{CORPUS}.complete"
# The number of speakers is a matter of the real corpora; the sample is as small as it is made.
PREPARE = {} if CORPUS == "sample" else config["prepare"]


rule download:
    """Fetch a published corpus, or generate the sample."""
    output:
        DOWNLOADED,
    params:
        options=options("download"),
    threads: workflow.cores
    log:
        LOGS / "download.log",
    benchmark:
        BENCHMARKS / "download.tsv"
    shell:
        "pyscorer download --corpus {CORPUS} --root {RUN.corpora_root} --jobs {threads}"
        " {params.options} 2>&1 | tee {log}"


rule prepare:
    """A split of the corpus as a Kaldi data directory with label tables."""
    input:
        [DOWNLOADED] if RUN.fetch else [],
    output:
        text=WORK / "prepared" / CORPUS / "{split}" / "text",
        lexicon=WORK / "prepared" / CORPUS / "{split}" / "lexicon.txt",
    params:
        out=subpath(output.text, parent=True),
        options=flags(PREPARE),
    log:
        LOGS / "prepare" / CORPUS / "{split}.log",
    benchmark:
        BENCHMARKS / "prepare" / CORPUS / "{split}.tsv"
    shell:
        "pyscorer prepare --corpus {CORPUS} --split {wildcards.split} --root {RUN.corpora_root}"
        " --out {params.out} {params.options} 2>&1 | tee {log}"


rule validate:
    """Every fault named; what later stages read."""
    input:
        text=WORK / "prepared" / CORPUS / "{split}" / "text",
        lexicon=WORK / "prepared" / CORPUS / "{split}" / "lexicon.txt",
    output:
        text=WORK / "data" / CORPUS / "{split}" / "text",
        lexicon=WORK / "data" / CORPUS / "{split}" / "lexicon.txt",
    params:
        data=subpath(input.text, parent=True),
        out=subpath(output.text, parent=True),
        report=RESULTS / "faults.{split}.csv",
        options=options("validate"),
    threads: workflow.cores
    log:
        LOGS / "validate" / CORPUS / "{split}.log",
    benchmark:
        BENCHMARKS / "validate" / CORPUS / "{split}.tsv"
    shell:
        "pyscorer validate --data {params.data} --lexicon {input.lexicon} --out {params.out}"
        " --report {params.report} --jobs {threads} {params.options} 2>&1 | tee {log}"
