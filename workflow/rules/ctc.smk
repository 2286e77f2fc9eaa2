# A pretrained model that was trained by CTC, and goodness of pronunciation without segments by it.
rule ctc_posteriors:
    """What the model says of each frame: log-posteriors of its tokens."""
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
    output:
        WORK / "ctc_posteriors" / "{corpus}" / "{split}" / "frame_shift",
        WORK / "ctc_posteriors" / "{corpus}" / "{split}" / "post.scp",
        WORK / "ctc_posteriors" / "{corpus}" / "{split}" / "tokens.json",
    params:
        folders=folders("data", out=0),
        options=options("ctc_posteriors"),
    threads: NEEDS.threads("ctc_posteriors")
    resources:
        **NEEDS.resources("ctc_posteriors"),
    log:
        LOGS / "ctc_posteriors" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "ctc_posteriors" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer ctc_posteriors {params.folders} --jobs {threads} {params.options}"
        " 2>&1 | tee {log:q}"


rule ctc_gop:
    """Goodness of pronunciation by all alignments, and what was heard in the place of each phone."""
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        ali=WORK / "ali" / "{corpus}" / "{split}" / "phones.ctm",
        ctc=WORK / "ctc_posteriors" / "{corpus}" / "{split}" / "frame_shift",
        phone_map=commands.existing(config.get("ctc_gop", {}).get("phone_map")),
    output:
        WORK / "ctc_gop" / "{corpus}" / "{split}" / "phones.scp",
        WORK / "ctc_gop" / "{corpus}" / "{split}" / "heard.csv",
        WORK / "ctc_gop" / "{corpus}" / "{split}" / "phone_map.txt",
    params:
        folders=folders("data", "ali", "ctc", out=0),
        options=options("ctc_gop"),
    resources:
        **NEEDS.resources("ctc_gop"),
    log:
        LOGS / "ctc_gop" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "ctc_gop" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer ctc_gop {params.folders} {params.options} 2>&1 | tee {log:q}"
