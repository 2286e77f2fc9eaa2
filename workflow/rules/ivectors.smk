# I-vectors by the extractor of the published model, or one that section ivectors names.
rule ivectors:
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        feats=WORK / "mfcc40" / "{corpus}" / "{split}" / "feats.scp",
        extractor=commands.existing(PLAN.acoustic.ivectors["extractor"]),
    output:
        WORK / "ivectors" / "{corpus}" / "{split}" / "ivector.scp",
        WORK / "ivectors" / "{corpus}" / "{split}" / "ivector_period",
    params:
        folders=folders("data", "feats", out=0),
        options=options("ivectors", base=PLAN.acoustic.ivectors),
    threads: NEEDS.threads("ivectors")
    resources:
        **NEEDS.resources("ivectors"),
    log:
        LOGS / "ivectors" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "ivectors" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer ivectors {params.folders} --jobs {threads} {params.options} 2>&1 | tee {log:q}"
