rule features:
    input:
        WORK / "data" / "{corpus}" / "{split}" / "text",
    output:
        WORK / "{kind}" / "{corpus}" / "{split}" / "feats.scp",
        WORK / "{kind}" / "{corpus}" / "{split}" / "cmvn.scp",
    params:
        data=subpath(input[0], parent=True),
        out=subpath(output[0], parent=True),
    threads: workflow.cores
    log:
        LOGS / "features" / "{corpus}" / "{split}.{kind}.log",
    benchmark:
        BENCHMARKS / "features" / "{corpus}" / "{split}.{kind}.tsv"
    shell:
        "pyscorer features --data {params.data} --out {params.out} --kind {wildcards.kind}"
        " --jobs {threads} 2>&1 | tee {log}"


rule train_gmm:
    input:
        text=WORK / "data" / RUN.acoustic[0] / "text",
        lexicon=WORK / "data" / RUN.acoustic[0] / "lexicon.txt",
        feats=WORK / "mfcc13" / RUN.acoustic[0] / "feats.scp",
    output:
        WORK / "gmm" / "final.npz",
        WORK / "gmm" / "log.csv",
    params:
        data=subpath(input.text, parent=True),
        feats=subpath(input.feats, parent=True),
        out=subpath(output[0], parent=True),
        options=options("train_gmm"),
    threads: workflow.cores
    log:
        LOGS / "train_gmm.log",
    benchmark:
        BENCHMARKS / "train_gmm.tsv"
    shell:
        "pyscorer train_gmm --data {params.data} --feats {params.feats} --lexicon {input.lexicon}"
        " --out {params.out} --seed {config[seed]} --jobs {threads} {params.options}"
        " 2>&1 | tee {log}"


rule align:
    input:
        text=WORK / "data" / "{corpus}" / "{split}" / "text",
        lexicon=WORK / "data" / "{corpus}" / "{split}" / "lexicon.txt",
        feats=WORK / "mfcc13" / "{corpus}" / "{split}" / "feats.scp",
        model=WORK / "gmm" / "final.npz",
    output:
        WORK / "ali" / "{corpus}" / "{split}" / "ali.scp",
        WORK / "ali" / "{corpus}" / "{split}" / "phones.ctm",
        WORK / "ali" / "{corpus}" / "{split}" / "words.ctm",
    params:
        data=subpath(input.text, parent=True),
        feats=subpath(input.feats, parent=True),
        model=subpath(input.model, parent=True),
        out=subpath(output[0], parent=True),
        options=options("align"),
    threads: workflow.cores
    log:
        LOGS / "align" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "align" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer align --data {params.data} --feats {params.feats} --lexicon {input.lexicon}"
        " --model {params.model} --out {params.out} --jobs {threads} {params.options}"
        " 2>&1 | tee {log}"


rule chain_graphs:
    input:
        ali=expand(WORK / "ali" / "{dataset}" / "phones.ctm", dataset=RUN.acoustic),
        feats=expand(WORK / "mfcc13" / "{dataset}" / "feats.scp", dataset=RUN.acoustic),
    output:
        WORK / "graphs" / "tree.json",
        WORK / "graphs" / "phone_lm.fst",
        WORK / "graphs" / "den.fst",
        WORK / "graphs" / "normalization.fst",
    params:
        ali=expand(WORK / "ali" / "{dataset}", dataset=RUN.acoustic),
        feats=expand(WORK / "mfcc13" / "{dataset}", dataset=RUN.acoustic),
        out=subpath(output[0], parent=True),
        options=options("chain_graphs"),
    log:
        LOGS / "chain_graphs.log",
    benchmark:
        BENCHMARKS / "chain_graphs.tsv"
    shell:
        "pyscorer chain_graphs --ali {params.ali} --feats {params.feats} --out {params.out}"
        " {params.options} 2>&1 | tee {log}"


rule train_tdnnf:
    input:
        text=expand(WORK / "data" / "{dataset}" / "text", dataset=RUN.acoustic),
        ali=expand(WORK / "ali" / "{dataset}" / "phones.ctm", dataset=RUN.acoustic),
        feats=expand(WORK / "mfcc40" / "{dataset}" / "feats.scp", dataset=RUN.acoustic),
        graphs=WORK / "graphs" / "normalization.fst",
    output:
        WORK / "tdnnf" / "final.pt",
    params:
        data=expand(WORK / "data" / "{dataset}", dataset=RUN.acoustic),
        ali=expand(WORK / "ali" / "{dataset}", dataset=RUN.acoustic),
        feats=expand(WORK / "mfcc40" / "{dataset}", dataset=RUN.acoustic),
        graphs=subpath(input.graphs, parent=True),
        out=subpath(output[0], parent=True),
        options=options("train_tdnnf"),
    threads: workflow.cores
    log:
        LOGS / "train_tdnnf.log",
    benchmark:
        BENCHMARKS / "train_tdnnf.tsv"
    shell:
        "pyscorer train_tdnnf --data {params.data} --feats {params.feats} --ali {params.ali}"
        " --graphs {params.graphs} --out {params.out} --seed {config[seed]} {params.options}"
        " 2>&1 | tee {log}"


rule export:
    input:
        model=WORK / "tdnnf" / "final.pt",
        feats=WORK / "mfcc40" / "{corpus}" / "{split}" / "feats.scp",
    output:
        WORK / "deep" / "{corpus}" / "{split}" / "embed.scp",
        WORK / "deep" / "{corpus}" / "{split}" / "post.scp",
        WORK / "deep" / "{corpus}" / "{split}" / "frame_shift",
    params:
        feats=subpath(input.feats, parent=True),
        out=subpath(output[0], parent=True),
    threads: workflow.cores
    log:
        LOGS / "export" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "export" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer export --model {input.model} --feats {params.feats} --out {params.out}"
        " --jobs {threads} 2>&1 | tee {log}"
