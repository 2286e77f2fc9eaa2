rule prepare:
    """A split of the corpus as a Kaldi data directory with its label tables."""
    output:
        text=WORK / "prepared" / CORPUS / "{split}" / "text",
        lexicon=WORK / "prepared" / CORPUS / "{split}" / "lexicon.txt",
    params:
        out=subpath(output.text, parent=True),
        root=RUN.corpora_root,
        options=options("prepare"),
    log:
        LOGS / "prepare" / CORPUS / "{split}.log",
    benchmark:
        BENCHMARKS / "prepare" / CORPUS / "{split}.tsv"
    shell:
        "pyscorer prepare --corpus {CORPUS} --split {wildcards.split} --root {params.root}"
        " --out {params.out} {params.options} 2>&1 | tee {log}"
