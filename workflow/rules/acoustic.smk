rule features:
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
    output:
        WORK / "{kind}" / "{corpus}" / "{split}" / "feats.scp",
        WORK / "{kind}" / "{corpus}" / "{split}" / "cmvn.scp",
    params:
        folders=folders("data", out=0),
    threads: NEEDS.threads("features")
    resources:
        **NEEDS.resources("features"),
    log:
        LOGS / "features" / "{corpus}" / "{split}.{kind}.log",
    benchmark:
        BENCHMARKS / "features" / "{corpus}" / "{split}.{kind}.tsv"
    shell:
        "pyscorer features {params.folders} --kind {wildcards.kind} --jobs {threads}"
        " 2>&1 | tee {log:q}"


rule train_gmm:
    input:
        data=WORK / "data" / RUN.acoustic[0] / "utt2spk",
        lexicon=WORK / "data" / RUN.acoustic[0] / "lexicon.txt",
        feats=WORK / "mfcc13" / RUN.acoustic[0] / "feats.scp",
    output:
        WORK / "gmm" / "final.npz",
        WORK / "gmm" / "log.csv",
    params:
        folders=folders("data", "feats", out=0),
        options=options("train_gmm"),
    threads: NEEDS.threads("train_gmm")
    resources:
        **NEEDS.resources("train_gmm"),
    log:
        LOGS / "train_gmm.log",
    benchmark:
        BENCHMARKS / "train_gmm.tsv"
    shell:
        "pyscorer train_gmm {params.folders} --lexicon {input.lexicon:q} --jobs {threads}"
        " {params.options} 2>&1 | tee {log:q}"


rule align:
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        lexicon=WORK / "data" / "{corpus}" / "{split}" / "lexicon.txt",
        feats=WORK / "mfcc13" / "{corpus}" / "{split}" / "feats.scp",
        model=WORK / "gmm" / "final.npz",
    output:
        WORK / "ali" / "{corpus}" / "{split}" / "ali.scp",
        WORK / "ali" / "{corpus}" / "{split}" / "phones.ctm",
        WORK / "ali" / "{corpus}" / "{split}" / "words.ctm",
    params:
        folders=folders("data", "feats", "model", out=0),
        options=options("align"),
    threads: NEEDS.threads("align")
    resources:
        **NEEDS.resources("align"),
    log:
        LOGS / "align" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "align" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer align {params.folders} --lexicon {input.lexicon:q} --jobs {threads}"
        " {params.options} 2>&1 | tee {log:q}"


rule chain_graphs:
    input:
        ali=[WORK / "ali" / dataset / "phones.ctm" for dataset in RUN.acoustic],
        feats=[WORK / "mfcc13" / dataset / "feats.scp" for dataset in RUN.acoustic],
    output:
        WORK / "graphs" / "tree.json",
        WORK / "graphs" / "phone_lm.fst",
        WORK / "graphs" / "den.fst",
        WORK / "graphs" / "normalization.fst",
    params:
        folders=folders("ali", "feats", out=0),
        options=options("chain_graphs"),
    resources:
        **NEEDS.resources("chain_graphs"),
    log:
        LOGS / "chain_graphs.log",
    benchmark:
        BENCHMARKS / "chain_graphs.tsv"
    shell:
        "pyscorer chain_graphs {params.folders} {params.options} 2>&1 | tee {log:q}"


rule train_tdnnf:
    input:
        data=[WORK / "data" / dataset / "utt2spk" for dataset in RUN.acoustic],
        ali=[WORK / "ali" / dataset / "phones.ctm" for dataset in RUN.acoustic],
        feats=[WORK / "mfcc40" / dataset / "feats.scp" for dataset in RUN.acoustic],
        graphs=WORK / "graphs" / "normalization.fst",
    output:
        WORK / "tdnnf" / "final.pt",
    params:
        folders=folders("data", "feats", "ali", "graphs", out=0),
        options=options("train_tdnnf"),
    threads: NEEDS.threads("train_tdnnf")
    resources:
        **NEEDS.resources("train_tdnnf"),
    log:
        LOGS / "train_tdnnf.log",
    benchmark:
        BENCHMARKS / "train_tdnnf.tsv"
    shell:
        "pyscorer train_tdnnf {params.folders} --threads {threads} {params.options}"
        " 2>&1 | tee {log:q}"


rule egs:
    """What train_tdnnf reads of datasets that go in parts (shards.smk)."""
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        ali=WORK / "ali" / "{corpus}" / "{split}" / "phones.ctm",
        feats=WORK / "mfcc40" / "{corpus}" / "{split}" / "feats.scp",
    output:
        temp(WORK / "egs" / "{corpus}" / "{split}" / "egs.npz"),
        temp(WORK / "egs" / "{corpus}" / "{split}" / "feats.scp"),
        temp(WORK / "egs" / "{corpus}" / "{split}" / "feats.ark"),
    params:
        folders=folders("data", "ali", "feats", out=0),
        options=options("egs"),
    resources:
        **NEEDS.resources("egs"),
    log:
        LOGS / "egs" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "egs" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer egs {params.folders} {params.options} 2>&1 | tee {log:q}"


rule chain_statistics:
    """What chain_graphs sums of datasets that go in parts (shards.smk)."""
    input:
        ali=WORK / "ali" / "{corpus}" / "{split}" / "phones.ctm",
        feats=WORK / "mfcc13" / "{corpus}" / "{split}" / "feats.scp",
    output:
        temp(WORK / "statistics" / "{corpus}" / "{split}" / "statistics.npz"),
    params:
        folders=folders("ali", "feats", out=0),
        options=options("chain_statistics", PLAN.parts.counted),
    resources:
        **NEEDS.resources("chain_statistics"),
    log:
        LOGS / "chain_statistics" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "chain_statistics" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer chain_statistics {params.folders} {params.options} 2>&1 | tee {log:q}"


rule export:
    input:
        model=WORK / "tdnnf" / "final.pt",
        feats=WORK / "mfcc40" / "{corpus}" / "{split}" / "feats.scp",
    output:
        WORK / "deep" / "{corpus}" / "{split}" / "embed.scp",
        WORK / "deep" / "{corpus}" / "{split}" / "post.scp",
        WORK / "deep" / "{corpus}" / "{split}" / "frame_shift",
    params:
        folders=folders("feats", out=0),
        options=options("export"),
    threads: NEEDS.threads("export")
    resources:
        **NEEDS.resources("export"),
    log:
        LOGS / "export" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "export" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer export --model {input.model:q} {params.folders} --jobs {threads}"
        " {params.options} 2>&1 | tee {log:q}"
