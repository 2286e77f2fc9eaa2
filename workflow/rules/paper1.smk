"""Lin & Wang (Interspeech 2021): Tables 1 to 6. Every model is the output of one rule."""

PAPER1_INPUTS = {"deep": "pool", "gop": "gop", "transition_gop": "transition_gop"}
PAPER1_STAGES = ["pretrained", "finetuned", "unfrozen"]


def paper1_dir(name):
    """Directory of the model that a row of the tables is made of."""
    for stage in PAPER1_STAGES:
        if name in PAPER1[stage]:
            return WORK / stage / name
    return WORK / "baselines" / name


def paper1_pool(stage, split):
    """Input function: the pooled vectors of `split` that the row {model} reads."""

    def pool(wildcards):
        inputs = PAPER1[stage][wildcards.model].get("inputs", "deep")
        return WORK / PAPER1_INPUTS[inputs] / CORPUS / split / "phones.scp"

    return pool


def paper1_options(stage, section):
    """Params function: flags of `section`, overridden by those of the row {model}."""

    def row_options(wildcards):
        row = PAPER1[stage][wildcards.model]
        own = {k: v for k, v in row.items() if k not in ("inputs", "start", "synthetic")}
        return flags(config["train_scorer"] | PAPER1.get(section, {}) | own)

    return row_options


PAPER1_ROWS = [
    *(name for stage in PAPER1_STAGES for name in PAPER1[stage]),
    *config["baselines"],
]


wildcard_constraints:
    model="[A-Za-z0-9+_.-]+",


rule paper1_tables:
    input:
        RESULTS / "paper1" / "paper1.html",


rule transition_gop:
    input:
        text=WORK / "data" / CORPUS / "{split}" / "text",
        ali=WORK / "ali" / CORPUS / "{split}" / "phones.ctm",
        reference=WORK / "ali" / CORPUS / "train" / "phones.ctm",
        model=WORK / "tdnnf" / "final.pt",
        tree=WORK / "graphs" / "tree.json",
        feats=WORK / "mfcc40" / CORPUS / "{split}" / "feats.scp",
    output:
        WORK / "transition_gop" / CORPUS / "{split}" / "phones.scp",
    params:
        data=subpath(input.text, parent=True),
        ali=subpath(input.ali, parent=True),
        reference=subpath(input.reference, parent=True),
        feats=subpath(input.feats, parent=True),
        out=subpath(output[0], parent=True),
    threads: workflow.cores
    log:
        LOGS / "transition_gop" / "{split}.log",
    benchmark:
        BENCHMARKS / "transition_gop" / "{split}.tsv"
    shell:
        "pyscorer transition_gop --data {params.data} --ali {params.ali} --model {input.model}"
        " --tree {input.tree} --feats {params.feats} --reference {params.reference}"
        " --out {params.out} --jobs {threads} 2>&1 | tee {log}"


rule activations:
    input:
        model=WORK / "tdnnf" / "final.pt",
        feats=WORK / "mfcc40" / CORPUS / "{split}" / "feats.scp",
    output:
        WORK / "activations" / CORPUS / "{split}" / "lower.scp",
    params:
        feats=subpath(input.feats, parent=True),
        out=subpath(output[0], parent=True),
        upper=PAPER1["unfreeze_scorer"]["upper"],
    threads: workflow.cores
    log:
        LOGS / "activations" / "{split}.log",
    benchmark:
        BENCHMARKS / "activations" / "{split}.tsv"
    shell:
        "pyscorer activations --model {input.model} --feats {params.feats} --out {params.out}"
        " --upper {params.upper} --jobs {threads} 2>&1 | tee {log}"


def paper1_copies(wildcards):
    inputs = PAPER1_INPUTS[PAPER1["pretrained"][wildcards.model].get("inputs", "deep")]
    return [WORK / inputs / CORPUS / copy / "phones.scp" for copy in PAPER1_COPIES]


rule pretrain_scorer:
    """Stage (ii), acoustic model frozen."""
    input:
        train=WORK / "data" / CORPUS / "train" / "text",
        test=WORK / "data" / CORPUS / "test" / "text",
        train_pool=paper1_pool("pretrained", "train"),
        test_pool=paper1_pool("pretrained", "test"),
        copies=paper1_copies,
        synthetic=rules.synthetic_scores.output,
    output:
        WORK / "pretrained" / "{model}" / "model.pt",
        WORK / "pretrained" / "{model}" / "scores.csv",
    params:
        train=subpath(input.train, parent=True),
        test=subpath(input.test, parent=True),
        train_pool=subpath(input.train_pool, parent=True),
        test_pool=subpath(input.test_pool, parent=True),
        copies=lambda wildcards, input: [Path(copy).parent for copy in input.copies],
        splices=lambda wildcards, input: "".join(f"--splices {p}" for p in input.synthetic[1:]),
        out=subpath(output[0], parent=True),
        options=paper1_options("pretrained", "pretrain_scorer"),
    threads: workflow.cores
    log:
        LOGS / "pretrain_scorer" / "{model}.log",
    benchmark:
        BENCHMARKS / "pretrain_scorer" / "{model}.tsv"
    shell:
        "pyscorer pretrain_scorer --train-data {params.train} --train-pool {params.train_pool}"
        " --synthetic {input.synthetic[0]} --copies {params.copies} {params.splices}"
        " --test-data {params.test} --test-pool {params.test_pool} --out {params.out}"
        " --jobs {threads} {params.options} 2>&1 | tee {log}"


def paper1_start(wildcards):
    """The model that a fine-tuned row goes on from; none: stage (iii) alone."""
    start = PAPER1["finetuned"][wildcards.model].get("start")
    return [paper1_dir(start) / "model.pt"] if start else []


rule finetune_scorer:
    """Stage (iii), acoustic model frozen: stage train_scorer, mostly with --start."""
    input:
        train=WORK / "data" / CORPUS / "train" / "text",
        test=WORK / "data" / CORPUS / "test" / "text",
        train_pool=paper1_pool("finetuned", "train"),
        test_pool=paper1_pool("finetuned", "test"),
        start=paper1_start,
    output:
        WORK / "finetuned" / "{model}" / "model.pt",
        WORK / "finetuned" / "{model}" / "scores.csv",
    params:
        train=subpath(input.train, parent=True),
        test=subpath(input.test, parent=True),
        train_pool=subpath(input.train_pool, parent=True),
        test_pool=subpath(input.test_pool, parent=True),
        start=lambda wildcards, input: (
            f"--start {Path(input.start[0]).parent}" if input.start else ""
        ),
        out=subpath(output[0], parent=True),
        options=paper1_options("finetuned", "finetune"),
    threads: workflow.cores
    log:
        LOGS / "finetune_scorer" / "{model}.log",
    benchmark:
        BENCHMARKS / "finetune_scorer" / "{model}.tsv"
    shell:
        "pyscorer train_scorer --train-data {params.train} --train-pool {params.train_pool}"
        " --test-data {params.test} --test-pool {params.test_pool} {params.start}"
        " --out {params.out} --jobs {threads} {params.options} 2>&1 | tee {log}"


rule unfreeze_scorer:
    """Stage (ii) or (iii) with the acoustic model's upper layers trained as well."""
    input:
        train=WORK / "data" / CORPUS / "train" / "text",
        test=WORK / "data" / CORPUS / "test" / "text",
        pool=expand(WORK / "pool" / CORPUS / "{split}" / "phones.scp", split=["train", "test"]),
        lower=expand(
            WORK / "activations" / CORPUS / "{split}" / "lower.scp", split=["train", "test"]
        ),
        acoustic=WORK / "tdnnf" / "final.pt",
        start=lambda wildcards: paper1_dir(PAPER1["unfrozen"][wildcards.model]["start"])
        / "model.pt",
        synthetic=lambda wildcards: (
            [WORK / "synthetic" / "scores.csv"]
            if PAPER1["unfrozen"][wildcards.model].get("synthetic")
            else []
        ),
    output:
        WORK / "unfrozen" / "{model}" / "model.pt",
        WORK / "unfrozen" / "{model}" / "scores.csv",
    params:
        data=WORK / "data" / CORPUS,
        pool=WORK / "pool" / CORPUS,
        lower=WORK / "activations" / CORPUS,
        start=subpath(input.start, parent=True),
        synthetic=lambda wildcards, input: (
            f"--synthetic {input.synthetic}" if input.synthetic else ""
        ),
        out=subpath(output[0], parent=True),
        options=lambda wildcards: flags(
            PAPER1["unfreeze_scorer"]
            | {
                k: v
                for k, v in PAPER1["unfrozen"][wildcards.model].items()
                if k not in ("start", "synthetic")
            }
        ),
    threads: workflow.cores
    log:
        LOGS / "unfreeze_scorer" / "{model}.log",
    benchmark:
        BENCHMARKS / "unfreeze_scorer" / "{model}.tsv"
    shell:
        "pyscorer unfreeze_scorer --train-data {params.data}/train --test-data {params.data}/test"
        " --train-pool {params.pool}/train --test-pool {params.pool}/test"
        " --train-lower {params.lower}/train --test-lower {params.lower}/test"
        " --acoustic {input.acoustic} --start {params.start} {params.synthetic}"
        " --out {params.out} --jobs {threads} {params.options} 2>&1 | tee {log}"


rule parameters:
    input:
        WORK / "tdnnf" / "final.pt",
    output:
        WORK / "parameters" / "parameters.csv",
    params:
        out=subpath(output[0], parent=True),
    log:
        LOGS / "parameters.log",
    shell:
        "pyscorer parameters --acoustic {input} --out {params.out} 2>&1 | tee {log}"


rule paper_tables:
    input:
        data=WORK / "data" / CORPUS / "test" / "text",
        models=[paper1_dir(name) / "scores.csv" for name in PAPER1_ROWS],
        parameters=rules.parameters.output[0],
    output:
        RESULTS / "paper1" / "paper1.html",
    params:
        data=subpath(input.data, parent=True),
        models=[paper1_dir(name) for name in PAPER1_ROWS],
        names=PAPER1_ROWS,
        out=subpath(output[0], parent=True),
        note=RUN.note,
        synthetic="--synthetic" if CORPUS == "sample" else "",
        options=flags(PAPER1.get("paper_tables", {})),
    log:
        LOGS / "paper_tables.log",
    benchmark:
        BENCHMARKS / "paper_tables.tsv"
    shell:
        "pyscorer paper_tables --data {params.data} --models {params.models}"
        " --names {params.names} --parameters {input.parameters} --out {params.out}"
        " --note {params.note:q} {params.synthetic} {params.options} 2>&1 | tee {log}"


rule quote:
    """The tables of the run, copied into the document that explains them."""
    input:
        RESULTS / "paper1" / "paper1.html",
    params:
        results=RESULTS,
    shell:
        "pyscorer quote --results {params.results} --document docs/pronunciation.md"
