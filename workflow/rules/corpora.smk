rule download:
    """Fetch a published corpus, or generate the sample."""
    localrule: True
    output:
        touch(WORK / "downloaded" / "{corpus}"),
    params:
        root=lambda w: RUN.sources[w.corpus].root,
        options=lambda w: flags(PLAN.corpora.download_options(w.corpus)),
    threads: NEEDS.threads("download")
    log:
        LOGS / "download" / "{corpus}.log",
    benchmark:
        BENCHMARKS / "download" / "{corpus}.tsv"
    shell:
        "pyscorer download --corpus {wildcards.corpus:q} --root {params.root:q} --jobs {threads}"
        " {params.options} 2>&1 | tee {log:q}"


rule prepare:
    """A split of the corpus as a Kaldi data directory with label tables."""
    input:
        lambda w: PLAN.corpora.files(w.corpus),
        changes=lambda w: PLAN.corpora.changes("spoken", w.corpus, w.split),
    output:
        data=WORK / "prepared" / "{corpus}" / "{split}" / "utt2spk",
        lexicon=WORK / "prepared" / "{corpus}" / "{split}" / "lexicon.txt",
    params:
        folders=folders(out=0),
        root=lambda w: RUN.sources[w.corpus].root,
        options=lambda w: flags(PLAN.corpora.prepare_options(w.corpus)),
    threads: NEEDS.threads("prepare")
    resources:
        **NEEDS.resources("prepare"),
    log:
        LOGS / "prepare" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "prepare" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer prepare --corpus {wildcards.corpus:q} --split {wildcards.split:q}"
        " --root {params.root:q} {params.folders} --jobs {threads} {params.options} 2>&1 | tee {log:q}"


rule validate:
    """Every fault named; what later stages read."""
    input:
        data=WORK / "prepared" / "{corpus}" / "{split}" / "utt2spk",
        lexicon=WORK / "prepared" / "{corpus}" / "{split}" / "lexicon.txt",
    output:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        lexicon=WORK / "data" / "{corpus}" / "{split}" / "lexicon.txt",
    params:
        report=lambda w: PLAN.parts.report(f"{w.corpus}/{w.split}"),
        folders=folders("data", out=0),
        options=options("validate"),
    threads: NEEDS.threads("validate")
    resources:
        **NEEDS.resources("validate"),
    log:
        LOGS / "validate" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "validate" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer validate {params.folders} --lexicon {input.lexicon:q} --jobs {threads}"
        " --report {params.report:q} {params.options} 2>&1 | tee {log:q}"


rule label:
    """The valid data with the labels of today: to edit one is no reason to align anything again."""
    localrule: True
    input:
        changes=lambda w: PLAN.corpora.changes("labels", w.corpus, w.split),
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
    output:
        data=WORK / "labelled" / "{corpus}" / "{split}" / "utt2spk",
    params:
        folders=folders("data", out=0),
        root=lambda w: RUN.sources[w.corpus].root,
        options=flags(PLAN.corpora.label_options()),
    log:
        LOGS / "label" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "label" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer label --corpus {wildcards.corpus:q} --split {wildcards.split:q}"
        " --root {params.root:q} {params.folders} {params.options} 2>&1 | tee {log:q}"
