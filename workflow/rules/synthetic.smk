"""Stage (ii) of Lin & Wang: unlabelled copies of the train split, and their synthetic scores."""

PAPER1 = config["paper1"]
PAPER1_COPIES = [f"train-sp{speed:g}" for speed in PAPER1["speeds"]]
PAPER1_SPLICES = PAPER1.get("splices", 0)


ruleorder: perturb > validate
ruleorder: scale_alignment > align
ruleorder: gop_of_copies > gop


wildcard_constraints:
    speed=r"[0-9.]+",


rule perturb:
    """Unlabelled speech: the train split at another speed and volume."""
    input:
        text=WORK / "data" / CORPUS / "train" / "text",
        lexicon=WORK / "data" / CORPUS / "train" / "lexicon.txt",
    output:
        text=WORK / "data" / CORPUS / "train-sp{speed}" / "text",
        lexicon=WORK / "data" / CORPUS / "train-sp{speed}" / "lexicon.txt",
    params:
        data=subpath(input.text, parent=True),
        out=subpath(output.text, parent=True),
    threads: workflow.cores
    log:
        LOGS / "perturb" / "{speed}.log",
    benchmark:
        BENCHMARKS / "perturb" / "{speed}.tsv"
    shell:
        "pyscorer perturb --data {params.data} --out {params.out} --speed {wildcards.speed}"
        " --seed {config[seed]} --jobs {threads} 2>&1 | tee {log}"


rule scale_alignment:
    """The copies' phones are where their originals' are."""
    input:
        text=WORK / "data" / CORPUS / "train-sp{speed}" / "text",
        ali=WORK / "ali" / CORPUS / "train" / "phones.ctm",
    output:
        WORK / "ali" / CORPUS / "train-sp{speed}" / "phones.ctm",
        WORK / "ali" / CORPUS / "train-sp{speed}" / "words.ctm",
    params:
        data=subpath(input.text, parent=True),
        ali=subpath(input.ali, parent=True),
        out=subpath(output[0], parent=True),
    log:
        LOGS / "scale_alignment" / "{speed}.log",
    shell:
        "pyscorer scale_alignment --data {params.data} --ali {params.ali} --out {params.out}"
        " --speed {wildcards.speed} 2>&1 | tee {log}"


rule gop_of_copies:
    """Stage gop without the GMM: what the regressor of the synthetic scores reads."""
    input:
        text=WORK / "data" / CORPUS / "train-sp{speed}" / "text",
        ali=WORK / "ali" / CORPUS / "train-sp{speed}" / "phones.ctm",
        reference=WORK / "ali" / CORPUS / "train" / "phones.ctm",
        deep=WORK / "deep" / CORPUS / "train-sp{speed}" / "frame_shift",
    output:
        WORK / "gop" / CORPUS / "train-sp{speed}" / "gop.csv",
        WORK / "gop" / CORPUS / "train-sp{speed}" / "phones.scp",
    params:
        data=subpath(input.text, parent=True),
        ali=subpath(input.ali, parent=True),
        reference=subpath(input.reference, parent=True),
        deep=subpath(input.deep, parent=True),
        out=subpath(output[0], parent=True),
    log:
        LOGS / "gop_of_copies" / "{speed}.log",
    shell:
        "pyscorer gop --data {params.data} --ali {params.ali} --reference {params.reference}"
        " --deep {params.deep} --out {params.out} 2>&1 | tee {log}"


rule synthetic_scores:
    input:
        data=WORK / "data" / CORPUS / "train" / "text",
        gop=WORK / "gop" / CORPUS / "train" / "phones.scp",
        copies_data=expand(WORK / "data" / CORPUS / "{copy}" / "text", copy=PAPER1_COPIES),
        copies_gop=expand(WORK / "gop" / CORPUS / "{copy}" / "phones.scp", copy=PAPER1_COPIES),
    output:
        [WORK / "synthetic" / "scores.csv"]
        + ([WORK / "synthetic" / "splices.csv"] if PAPER1_SPLICES else []),
    params:
        data=subpath(input.data, parent=True),
        gop=subpath(input.gop, parent=True),
        copies_data=expand(WORK / "data" / CORPUS / "{copy}", copy=PAPER1_COPIES),
        copies_gop=expand(WORK / "gop" / CORPUS / "{copy}", copy=PAPER1_COPIES),
        out=subpath(output[0], parent=True),
        options=flags(
            {"folds": config["train_scorer"].get("folds"), "splices": PAPER1_SPLICES}
            | PAPER1["synthetic_scores"]
        ),
    threads: workflow.cores
    log:
        LOGS / "synthetic_scores.log",
    benchmark:
        BENCHMARKS / "synthetic_scores.tsv"
    shell:
        "pyscorer synthetic_scores --train-data {params.data} --train-pool {params.gop}"
        " --copies-data {params.copies_data} --copies-pool {params.copies_gop} --out {params.out}"
        " --jobs {threads} {params.options} 2>&1 | tee {log}"
