"""Stage (ii) of Lin & Wang: unlabelled speech, that is copies of the train split and datasets that
the configuration names, and its synthetic scores. Of the test split only the speakers are read."""

ROWS = PLAN.rows


ruleorder: perturb > validate
ruleorder: scale_alignment > align


wildcard_constraints:
    speed=r"[0-9.]+",
    teacher="[A-Za-z0-9+_.-]+",


rule perturb:
    """Unlabelled speech: the train split at another speed and volume."""
    input:
        data=WORK / "data" / CORPUS / "train" / "utt2spk",
        lexicon=WORK / "data" / CORPUS / "train" / "lexicon.txt",
    output:
        data=WORK / "data" / CORPUS / "train-sp{speed}" / "utt2spk",
        lexicon=WORK / "data" / CORPUS / "train-sp{speed}" / "lexicon.txt",
    params:
        folders=folders("data", out=0),
        options=options("perturb"),
    threads: NEEDS.threads("perturb")
    resources:
        **NEEDS.resources("perturb"),
    log:
        LOGS / "perturb" / "{speed}.log",
    benchmark:
        BENCHMARKS / "perturb" / "{speed}.tsv"
    shell:
        "pyscorer perturb {params.folders} --speed {wildcards.speed} --jobs {threads}"
        " {params.options} 2>&1 | tee {log:q}"


rule scale_alignment:
    """The copies' phones are where their originals' are."""
    localrule: True
    input:
        data=WORK / "data" / CORPUS / "train-sp{speed}" / "utt2spk",
        ali=WORK / "ali" / CORPUS / "train" / "phones.ctm",
    output:
        WORK / "ali" / CORPUS / "train-sp{speed}" / "phones.ctm",
        WORK / "ali" / CORPUS / "train-sp{speed}" / "words.ctm",
    params:
        folders=folders("data", "ali", out=0),
    log:
        LOGS / "scale_alignment" / "{speed}.log",
    shell:
        "pyscorer scale_alignment {params.folders} --speed {wildcards.speed} 2>&1 | tee {log:q}"


rule synthetic_scores:
    input:
        train_data=WORK / "labelled" / CORPUS / "train" / "utt2spk",
        train_pool=WORK / "gop" / CORPUS / "train" / "phones.scp",
        copies_data=[WORK / "data" / CORPUS / copy / "utt2spk" for copy in ROWS.copies],
        copies_pool=[WORK / "gop" / CORPUS / copy / "phones.scp" for copy in ROWS.copies],
        unlabelled_data=ROWS.datasets("data", "utt2spk"),
        unlabelled_pool=ROWS.datasets("gop", "phones.scp"),
        test_data=ROWS.tested,
    output:
        ROWS.synthetic,
    params:
        folders=folders(
            *("train_data", "train_pool", "copies_data", "copies_pool"),
            *("unlabelled_data", "unlabelled_pool", "test_data"),
            out=0,
        ),
        options=options("synthetic_scores", base=ROWS.synthetic_options()),
    threads: NEEDS.threads("synthetic_scores")
    resources:
        **NEEDS.resources("synthetic_scores"),
    log:
        LOGS / "synthetic_scores.log",
    benchmark:
        BENCHMARKS / "synthetic_scores.tsv"
    shell:
        "pyscorer synthetic_scores {params.folders} --jobs {threads} {params.options}"
        " 2>&1 | tee {log:q}"


# Stage synthetic_scores by another regressor.
use rule synthetic_scores as teacher_scores with:
    output:
        [path.parent / "{teacher}" / path.name for path in ROWS.synthetic],
    params:
        options=lambda w: options(
            "synthetic_scores",
            config["paper1"]["teachers"][w.teacher],
            base=ROWS.synthetic_options(),
        ),
    log:
        LOGS / "synthetic_scores" / "{teacher}.log",
    benchmark:
        BENCHMARKS / "synthetic_scores" / "{teacher}.tsv"
