rule features:
    input:
        WORK / "data" / CORPUS / "{split}" / "text",
    output:
        WORK / "{kind}" / CORPUS / "{split}" / "feats.scp",
        WORK / "{kind}" / CORPUS / "{split}" / "cmvn.scp",
    params:
        data=subpath(input[0], parent=True),
        out=subpath(output[0], parent=True),
    threads: workflow.cores
    log:
        LOGS / "features" / CORPUS / "{split}.{kind}.log",
    benchmark:
        BENCHMARKS / "features" / CORPUS / "{split}.{kind}.tsv"
    shell:
        "pyscorer features --data {params.data} --out {params.out} --kind {wildcards.kind}"
        " --jobs {threads} 2>&1 | tee {log}"


rule train_gmm:
    input:
        text=WORK / "data" / CORPUS / "train" / "text",
        lexicon=WORK / "data" / CORPUS / "train" / "lexicon.txt",
        feats=WORK / "mfcc13" / CORPUS / "train" / "feats.scp",
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
        text=WORK / "data" / CORPUS / "{split}" / "text",
        lexicon=WORK / "data" / CORPUS / "{split}" / "lexicon.txt",
        feats=WORK / "mfcc13" / CORPUS / "{split}" / "feats.scp",
        model=WORK / "gmm" / "final.npz",
    output:
        WORK / "ali" / CORPUS / "{split}" / "ali.scp",
        WORK / "ali" / CORPUS / "{split}" / "phones.ctm",
        WORK / "ali" / CORPUS / "{split}" / "words.ctm",
    params:
        data=subpath(input.text, parent=True),
        feats=subpath(input.feats, parent=True),
        model=subpath(input.model, parent=True),
        out=subpath(output[0], parent=True),
        options=options("align"),
    threads: workflow.cores
    log:
        LOGS / "align" / CORPUS / "{split}.log",
    benchmark:
        BENCHMARKS / "align" / CORPUS / "{split}.tsv"
    shell:
        "pyscorer align --data {params.data} --feats {params.feats} --lexicon {input.lexicon}"
        " --model {params.model} --out {params.out} --jobs {threads} {params.options}"
        " 2>&1 | tee {log}"


rule chain_graphs:
    input:
        ali=WORK / "ali" / CORPUS / "train" / "phones.ctm",
        feats=WORK / "mfcc13" / CORPUS / "train" / "feats.scp",
    output:
        WORK / "graphs" / "tree.json",
        WORK / "graphs" / "phone_lm.fst",
        WORK / "graphs" / "den.fst",
        WORK / "graphs" / "normalization.fst",
    params:
        ali=subpath(input.ali, parent=True),
        feats=subpath(input.feats, parent=True),
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
        text=WORK / "data" / CORPUS / "train" / "text",
        ali=WORK / "ali" / CORPUS / "train" / "phones.ctm",
        feats=WORK / "mfcc40" / CORPUS / "train" / "feats.scp",
        graphs=WORK / "graphs" / "normalization.fst",
    output:
        WORK / "tdnnf" / "final.pt",
    params:
        data=subpath(input.text, parent=True),
        ali=subpath(input.ali, parent=True),
        feats=subpath(input.feats, parent=True),
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
        feats=WORK / "mfcc40" / CORPUS / "{split}" / "feats.scp",
    output:
        WORK / "deep" / CORPUS / "{split}" / "embed.scp",
        WORK / "deep" / CORPUS / "{split}" / "post.scp",
        WORK / "deep" / CORPUS / "{split}" / "frame_shift",
    params:
        feats=subpath(input.feats, parent=True),
        out=subpath(output[0], parent=True),
    threads: workflow.cores
    log:
        LOGS / "export" / CORPUS / "{split}.log",
    benchmark:
        BENCHMARKS / "export" / CORPUS / "{split}.tsv"
    shell:
        "pyscorer export --model {input.model} --feats {params.feats} --out {params.out}"
        " --jobs {threads} 2>&1 | tee {log}"
