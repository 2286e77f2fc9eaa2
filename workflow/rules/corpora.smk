def downloaded(wildcards):
    """What the rule `download` leaves, where the corpus has to be fetched."""
    fetch = RUN.sources[wildcards.corpus].fetch
    return WORK / "downloaded" / wildcards.corpus if fetch else []


def wanted_splits(corpus):
    """What the run needs of a corpus; the stage's own choice for the one that is scored."""
    datasets = [dataset.split("/") for dataset in RUN.acoustic]
    splits = [split for owner, split in datasets if owner == corpus]
    return options("download") if corpus == CORPUS else flags({"splits": splits})


def part_of(corpus):
    """The number of speakers is a matter of the corpus that is scored, unless it is the sample."""
    return flags(config["prepare"] if corpus == CORPUS != "sample" else {})


rule download:
    """Fetch a published corpus, or generate the sample."""
    output:
        touch(WORK / "downloaded" / "{corpus}"),
    params:
        root=lambda wildcards: RUN.sources[wildcards.corpus].root,
        options=lambda wildcards: wanted_splits(wildcards.corpus),
    threads: workflow.cores
    log:
        LOGS / "download" / "{corpus}.log",
    benchmark:
        BENCHMARKS / "download" / "{corpus}.tsv"
    shell:
        "pyscorer download --corpus {wildcards.corpus} --root {params.root} --jobs {threads}"
        " {params.options} 2>&1 | tee {log}"


rule prepare:
    """A split of the corpus as a Kaldi data directory with label tables."""
    input:
        downloaded,
    output:
        text=WORK / "prepared" / "{corpus}" / "{split}" / "text",
        lexicon=WORK / "prepared" / "{corpus}" / "{split}" / "lexicon.txt",
    params:
        out=subpath(output.text, parent=True),
        root=lambda wildcards: RUN.sources[wildcards.corpus].root,
        options=lambda wildcards: part_of(wildcards.corpus),
    log:
        LOGS / "prepare" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "prepare" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer prepare --corpus {wildcards.corpus} --split {wildcards.split}"
        " --root {params.root} --out {params.out} {params.options} 2>&1 | tee {log}"


rule validate:
    """Every fault named; what later stages read."""
    input:
        text=WORK / "prepared" / "{corpus}" / "{split}" / "text",
        lexicon=WORK / "prepared" / "{corpus}" / "{split}" / "lexicon.txt",
    output:
        text=WORK / "data" / "{corpus}" / "{split}" / "text",
        lexicon=WORK / "data" / "{corpus}" / "{split}" / "lexicon.txt",
    params:
        data=subpath(input.text, parent=True),
        out=subpath(output.text, parent=True),
        report=lambda wildcards: RESULTS / f"faults.{wildcards.corpus}.{wildcards.split}.csv",
        options=options("validate"),
    threads: workflow.cores
    log:
        LOGS / "validate" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "validate" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer validate --data {params.data} --lexicon {input.lexicon} --out {params.out}"
        " --report {params.report} --jobs {threads} {params.options} 2>&1 | tee {log}"
