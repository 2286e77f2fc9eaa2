# Graders: scores of phones, words and utterances (target `grading`).
GRADING = config["grading"]
SOURCES = {
    "tdnnf": WORK / "pool" / CORPUS,
    "gop": WORK / "gop" / CORPUS,
    "encoder": WORK / "pool_encoded" / CORPUS,
    "learned_gop": WORK / "learned_gop" / CORPUS,
    "heard": WORK / "heard_phones" / CORPUS,
    "recogniser": WORK / "recogniser_view" / CORPUS,
}


def grader_options(name):
    """The flags of a grader: what all have, and its own."""
    return GRADING.get("train_grader", {}) | GRADING["graders"][name]


def grader_sources(name):
    """Directories of the sources that a grader reads; GOP for the phones where it reads none."""
    wanted = grader_options(name).get("sources", [*SOURCES])
    return {s: path for s, path in SOURCES.items() if s in wanted} or {"gop": SOURCES["gop"]}


def source_files(wildcards):
    """What tells that the sources are whole."""
    files = []
    for name, path in grader_sources(wildcards.grader).items():
        last = "utterances.csv" if name == "recogniser" else "phones.scp"
        files += [path / split / last for split in ("train", "test")]
    return files


def bundle_options(name):
    """What bundle_grader needs besides, of the sources that the grader reads."""
    sources, encode = grader_sources(name), config.get("encode", {})
    given = {}
    if {"encoder", "learned_gop"} & sources.keys():
        given["encoder"] = encode["model"]
        given |= {key: encode[key] for key in ("layers", "pad") if key in encode}
    if "learned_gop" in sources:
        given["learned_gop"] = str(SOURCES["learned_gop"].parent / "model.pt")
    if {"heard", "recogniser"} & sources.keys():
        given["recogniser"] = RECOGNISER["model"]
        given["view"] = str(SOURCES["recogniser"] / "train")
    return given


rule train_grader:
    """One ensemble for all scores, from the sources that it is given."""
    input:
        data=expand(WORK / "data" / CORPUS / "{split}" / "text", split=["train", "test"]),
        sources=source_files,
    output:
        WORK / "graders" / "{grader}" / "model.pt",
    params:
        data=WORK / "data" / CORPUS,
        out=subpath(output[0], parent=True),
        options=lambda wildcards: flags(
            {name: str(path) for name, path in grader_sources(wildcards.grader).items()}
            | grader_options(wildcards.grader)
        ),
    threads: workflow.cores
    log:
        LOGS / "train_grader" / "{grader}.log",
    benchmark:
        BENCHMARKS / "train_grader" / "{grader}.tsv"
    shell:
        "pyscorer train_grader --train-data {params.data}/train --test-data {params.data}/test"
        " --out {params.out} --jobs {threads} {params.options} 2>&1 | tee {log}"


AVERAGES = GRADING.get("averages", {})


rule average_graders:
    """Several graders as one more ensemble."""
    input:
        lambda wildcards: [
            WORK / "graders" / name / "model.pt" for name in AVERAGES[wildcards.average]
        ],
    output:
        WORK / "averaged_graders" / "{average}" / "scores_phone.csv",
    params:
        graders=lambda wildcards, input: [Path(model).parent for model in input],
        out=subpath(output[0], parent=True),
    log:
        LOGS / "average_graders" / "{average}.log",
    benchmark:
        BENCHMARKS / "average_graders" / "{average}.tsv"
    shell:
        "pyscorer average_graders --graders {params.graders} --out {params.out} 2>&1 | tee {log}"


rule evaluate_grader:
    input:
        data=WORK / "data" / CORPUS / "test" / "text",
        graders=[WORK / "graders" / name / "model.pt" for name in GRADING["graders"]],
        averages=[WORK / "averaged_graders" / name / "scores_phone.csv" for name in AVERAGES],
        rivals=SOURCES["learned_gop"] / "test" / "phones.scp" if "encode" in config else [],
    output:
        RESULTS / "grading" / "results.csv",
    params:
        data=subpath(input.data, parent=True),
        graders=[WORK / "graders" / name for name in GRADING["graders"]]
        + [WORK / "averaged_graders" / name for name in AVERAGES],
        names=[*GRADING["graders"], *AVERAGES],
        out=subpath(output[0], parent=True),
        options=flags(
            GRADING.get("evaluate_grader", {})
            | ({"learned_gop": str(SOURCES["learned_gop"] / "test")} if "encode" in config else {})
            | ({"truth": str(WORK / "corpora" / "sample" / "truth.csv")} if CORPUS == "sample" else {})
        ),
    log:
        LOGS / "evaluate_grader.log",
    benchmark:
        BENCHMARKS / "evaluate_grader.tsv"
    shell:
        "pyscorer evaluate_grader --data {params.data} --graders {params.graders}"
        " --names {params.names} --out {params.out} {params.options} 2>&1 | tee {log}"


rule bundle_grader:
    """A grader and all that it stands on in one directory, for `pyscorer score` and `score_all`."""
    input:
        gmm=WORK / "gmm" / "final.npz",
        lexicon=WORK / "data" / CORPUS / "train" / "lexicon.txt",
        tdnnf=WORK / "tdnnf" / "final.pt",
        grader=WORK / "graders" / "{grader}" / "model.pt",
        ali=WORK / "ali" / CORPUS / "train" / "phones.ctm",
        pool=WORK / "pool" / CORPUS / "train" / "phones.scp",
    output:
        directory(RESULTS / "graders" / "{grader}"),
    params:
        gmm=subpath(input.gmm, parent=True),
        data=subpath(input.lexicon, parent=True),
        grader=subpath(input.grader, parent=True),
        ali=subpath(input.ali, parent=True),
        pool=subpath(input.pool, parent=True),
        options=lambda wildcards: flags(bundle_options(wildcards.grader)),
    log:
        LOGS / "bundle_grader" / "{grader}.log",
    benchmark:
        BENCHMARKS / "bundle_grader" / "{grader}.tsv"
    shell:
        "pyscorer bundle_grader --gmm {params.gmm} --lexicon {input.lexicon} --tdnnf {input.tdnnf}"
        " --grader {params.grader} --data {params.data} --ali {params.ali} --pool {params.pool}"
        " --out {output} {params.options} 2>&1 | tee {log}"


rule grading:
    input:
        RESULTS / "grading" / "results.csv",
        RESULTS / "graders" / next(iter(GRADING["graders"])),
