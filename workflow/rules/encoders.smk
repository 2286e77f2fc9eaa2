rule encode:
    """Deep features of a pretrained encoder, beside those of the run's own acoustic model."""
    input:
        text=WORK / "data" / "{corpus}" / "{split}" / "text",
    output:
        WORK / "encoded" / "{corpus}" / "{split}" / "embed.scp",
        WORK / "encoded" / "{corpus}" / "{split}" / "frame_shift",
    params:
        data=subpath(input.text, parent=True),
        out=subpath(output[0], parent=True),
        options=options("encode"),
    threads: workflow.cores
    log:
        LOGS / "encode" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "encode" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer encode --data {params.data} --out {params.out} --jobs {threads} {params.options}"
        " 2>&1 | tee {log}"
