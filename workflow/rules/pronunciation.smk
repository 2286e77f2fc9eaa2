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
