rule pool:
    input:
        text=WORK / "data" / CORPUS / "{split}" / "text",
        ali=WORK / "ali" / CORPUS / "{split}" / "phones.ctm",
        deep=WORK / "deep" / CORPUS / "{split}" / "frame_shift",
    output:
        WORK / "pool" / CORPUS / "{split}" / "phones.scp",
        WORK / "pool" / CORPUS / "{split}" / "segments.csv",
        WORK / "pool" / CORPUS / "{split}" / "columns.txt",
    params:
        data=subpath(input.text, parent=True),
        ali=subpath(input.ali, parent=True),
        deep=subpath(input.deep, parent=True),
        out=subpath(output[0], parent=True),
    log:
        LOGS / "pool" / CORPUS / "{split}.log",
    benchmark:
        BENCHMARKS / "pool" / CORPUS / "{split}.tsv"
    shell:
        "pyscorer pool --data {params.data} --ali {params.ali} --deep {params.deep}"
        " --out {params.out} 2>&1 | tee {log}"


rule train_scorer:
    input:
        data=expand(WORK / "data" / CORPUS / "{split}" / "text", split=["train", "test"]),
        pool=expand(WORK / "pool" / CORPUS / "{split}" / "segments.csv", split=["train", "test"]),
    output:
        WORK / "scorers" / "{scorer}" / "model.pt",
        WORK / "scorers" / "{scorer}" / "scores.csv",
    params:
        data=WORK / "data" / CORPUS,
        pool=WORK / "pool" / CORPUS,
        out=subpath(output[0], parent=True),
        options=lambda wildcards: flags(
            config["train_scorer"] | config["scorers"][wildcards.scorer]
        ),
    threads: workflow.cores
    log:
        LOGS / "train_scorer" / "{scorer}.log",
    benchmark:
        BENCHMARKS / "train_scorer" / "{scorer}.tsv"
    shell:
        "pyscorer train_scorer --train-data {params.data}/train --train-pool {params.pool}/train"
        " --test-data {params.data}/test --test-pool {params.pool}/test --out {params.out}"
        " {params.options} 2>&1 | tee {log}"


rule gop:
    """Goodness of pronunciation of every phone, for people to read and baselines to learn from."""
    input:
        text=WORK / "data" / CORPUS / "{split}" / "text",
        ali=WORK / "ali" / CORPUS / "{split}" / "phones.ctm",
        reference=WORK / "ali" / CORPUS / "train" / "phones.ctm",
        deep=WORK / "deep" / CORPUS / "{split}" / "frame_shift",
        gmm=WORK / "gmm" / "final.npz",
        feats=WORK / "mfcc13" / CORPUS / "{split}" / "feats.scp",
    output:
        WORK / "gop" / CORPUS / "{split}" / "gop.csv",
        WORK / "gop" / CORPUS / "{split}" / "phones.scp",
    params:
        data=subpath(input.text, parent=True),
        ali=subpath(input.ali, parent=True),
        reference=subpath(input.reference, parent=True),
        deep=subpath(input.deep, parent=True),
        gmm=subpath(input.gmm, parent=True),
        feats=subpath(input.feats, parent=True),
        out=subpath(output[0], parent=True),
    log:
        LOGS / "gop" / CORPUS / "{split}.log",
    benchmark:
        BENCHMARKS / "gop" / CORPUS / "{split}.tsv"
    shell:
        "pyscorer gop --data {params.data} --ali {params.ali} --reference {params.reference}"
        " --deep {params.deep} --gmm {params.gmm} --feats {params.feats} --out {params.out}"
        " 2>&1 | tee {log}"


rule train_baseline:
    input:
        data=expand(WORK / "data" / CORPUS / "{split}" / "text", split=["train", "test"]),
        gop=expand(WORK / "gop" / CORPUS / "{split}" / "gop.csv", split=["train", "test"]),
    output:
        WORK / "baselines" / "{baseline}" / "scores.csv",
    params:
        data=WORK / "data" / CORPUS,
        gop=WORK / "gop" / CORPUS,
        out=subpath(output[0], parent=True),
        options=lambda wildcards: flags(
            config["train_baseline"] | config["baselines"][wildcards.baseline]
        ),
    log:
        LOGS / "train_baseline" / "{baseline}.log",
    benchmark:
        BENCHMARKS / "train_baseline" / "{baseline}.tsv"
    shell:
        "pyscorer train_baseline --train-data {params.data}/train --train-pool {params.gop}/train"
        " --test-data {params.data}/test --test-pool {params.gop}/test --out {params.out}"
        " {params.options} 2>&1 | tee {log}"


# The rows of the tables: every scorer and baseline of the configuration, in its order.
SCORERS = [WORK / "scorers" / name for name in config["scorers"]] + [
    WORK / "baselines" / name for name in config["baselines"]
]
NAMES = [*config["scorers"], *config["baselines"]]


rule evaluate:
    input:
        data=WORK / "data" / CORPUS / "test" / "text",
        scores=[scorer / "scores.csv" for scorer in SCORERS],
    output:
        RESULTS / "tables" / "results.csv",
        RESULTS / "tables" / "groups.csv",
        RESULTS / "tables" / "ceiling.csv",
        RESULTS / "tables" / "errors.csv",
    params:
        data=subpath(input.data, parent=True),
        scorers=SCORERS,
        names=NAMES,
        out=subpath(output[0], parent=True),
        options=options("evaluate"),
    log:
        LOGS / "evaluate.log",
    benchmark:
        BENCHMARKS / "evaluate.tsv"
    shell:
        "pyscorer evaluate --data {params.data} --scorers {params.scorers} --names {params.names}"
        " --out {params.out} {params.options} 2>&1 | tee {log}"


rule report:
    input:
        text=expand(WORK / "data" / CORPUS / "{split}" / "text", split=["train", "test"]),
        ali=expand(WORK / "ali" / CORPUS / "{split}" / "phones.ctm", split=["train", "test"]),
        gmm=WORK / "gmm" / "log.csv",
        tdnnf=WORK / "tdnnf" / "final.pt",
        scores=[scorer / "scores.csv" for scorer in SCORERS],
        results=RESULTS / "tables" / "results.csv",
    output:
        RESULTS / "report.html",
    params:
        data=WORK / "data" / CORPUS,
        ali=WORK / "ali" / CORPUS,
        gmm=subpath(input.gmm, parent=True),
        tdnnf=subpath(input.tdnnf, parent=True),
        scorers=SCORERS,
        names=NAMES,
        results=subpath(input.results, parent=True),
        options=options("report"),
    log:
        LOGS / "report.log",
    benchmark:
        BENCHMARKS / "report.tsv"
    shell:
        "pyscorer report --train-data {params.data}/train --test-data {params.data}/test"
        " --train-ali {params.ali}/train --test-ali {params.ali}/test --gmm {params.gmm}"
        " --tdnnf {params.tdnnf} --scorers {params.scorers} --names {params.names}"
        " --results {params.results} --out {output} {params.options} 2>&1 | tee {log}"


rule bundle:
    """The models of a run in one directory, for `pyscorer score`."""
    input:
        gmm=WORK / "gmm" / "final.npz",
        lexicon=WORK / "data" / CORPUS / "train" / "lexicon.txt",
        tdnnf=WORK / "tdnnf" / "final.pt",
        scorer=WORK / "scorers" / "{scorer}" / "model.pt",
    output:
        directory(RESULTS / "models" / "{scorer}"),
    params:
        gmm=subpath(input.gmm, parent=True),
        scorer=subpath(input.scorer, parent=True),
    log:
        LOGS / "bundle" / "{scorer}.log",
    benchmark:
        BENCHMARKS / "bundle" / "{scorer}.tsv"
    shell:
        "pyscorer bundle --gmm {params.gmm} --lexicon {input.lexicon} --tdnnf {input.tdnnf}"
        " --scorer {params.scorer} --out {output} 2>&1 | tee {log}"
