"""Lin & Wang (Interspeech 2021): Tables 1 to 6. Every model is the output of one rule."""


wildcard_constraints:
    model="[A-Za-z0-9+_.-]+",


rule paper1_tables:
    input:
        RESULTS / "paper1" / "paper1.html",


rule transition_gop:
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        ali=WORK / "ali" / "{corpus}" / "{split}" / "phones.ctm",
        reference=WORK / "ali" / CORPUS / "train" / "phones.ctm",
        model=WORK / "tdnnf" / "final.pt",
        made=TREE_MADE,
        feats=WORK / "mfcc40" / "{corpus}" / "{split}" / "feats.scp",
    output:
        WORK / "transition_gop" / "{corpus}" / "{split}" / "phones.scp",
    params:
        tree=TREE,
        folders=folders("data", "ali", "reference", "feats", out=0),
    threads: NEEDS.threads("transition_gop")
    resources:
        **NEEDS.resources("transition_gop"),
    log:
        LOGS / "transition_gop" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "transition_gop" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer transition_gop {params.folders} --model {input.model:q} --tree {params.tree:q}"
        " --jobs {threads} 2>&1 | tee {log:q}"


rule activations:
    input:
        model=WORK / "tdnnf" / "final.pt",
        feats=WORK / "mfcc40" / "{corpus}" / "{split}" / "feats.scp",
    output:
        WORK / "activations" / "{upper}" / "{corpus}" / "{split}" / "lower.scp",
    wildcard_constraints:
        upper="[0-9]+",
    params:
        folders=folders("feats", out=0),
    threads: NEEDS.threads("activations")
    resources:
        **NEEDS.resources("activations"),
    log:
        LOGS / "activations" / "{upper}" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "activations" / "{upper}" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer activations --model {input.model:q} {params.folders} --upper {wildcards.upper}"
        " --jobs {threads} 2>&1 | tee {log:q}"


rule pretrain_scorer:
    """Stage (ii), acoustic model frozen."""
    input:
        **train_and_test(data="labelled/utt2spk"),
        train_pool=lambda w: ROWS.pool("pretrained", w.model, ["train"]),
        test_pool=lambda w: ROWS.pool("pretrained", w.model, ["test"]),
        copies=lambda w: ROWS.pool("pretrained", w.model, ROWS.copies),
        unlabelled=lambda w: ROWS.unlabelled("pretrained", w.model),
        synthetic=lambda w: ROWS.taught("pretrained", w.model)[:1],
        splices=lambda w: ROWS.taught("pretrained", w.model)[1:],
        train_frames=lambda w: ROWS.frames("pretrained", w.model, ["train"]),
        test_frames=lambda w: ROWS.frames("pretrained", w.model, ["test"]),
        copies_frames=lambda w: ROWS.unlabelled_frames(w.model),
    output:
        WORK / "pretrained" / "{model}" / "model.pt",
        WORK / "pretrained" / "{model}" / "scores.csv",
    params:
        folders=folders(
            *("train_data", "train_pool", "copies", "unlabelled", "test_data", "test_pool"),
            *("train_frames", "test_frames", "copies_frames"),
            out=0,
        ),
        files=files("synthetic", "splices"),
        options=lambda w: options(
            "pretrain_scorer", ROWS.options("pretrained", w.model), base=config["train_scorer"]
        ),
    threads: NEEDS.threads("pretrain_scorer")
    resources:
        **NEEDS.resources("pretrain_scorer"),
    log:
        LOGS / "pretrain_scorer" / "{model}.log",
    benchmark:
        BENCHMARKS / "pretrain_scorer" / "{model}.tsv"
    shell:
        "pyscorer pretrain_scorer {params.folders} {params.files} --jobs {threads}"
        " {params.options} 2>&1 | tee {log:q}"


# Stage (iii), acoustic model frozen: stage train_scorer, mostly with --start.
use rule train_scorer as finetune_scorer with:
    input:
        **train_and_test(data="labelled/utt2spk"),
        train_pool=lambda w: ROWS.pool("finetuned", w.model, ["train"]),
        test_pool=lambda w: ROWS.pool("finetuned", w.model, ["test"]),
        start=lambda w: ROWS.start("finetuned", w.model),
        train_frames=lambda w: ROWS.frames("finetuned", w.model, ["train"]),
        test_frames=lambda w: ROWS.frames("finetuned", w.model, ["test"]),
    output:
        WORK / "finetuned" / "{model}" / "model.pt",
        WORK / "finetuned" / "{model}" / "scores.csv",
    params:
        options=lambda w: options("train_scorer", ROWS.options("finetuned", w.model)),
    log:
        LOGS / "finetune_scorer" / "{model}.log",
    benchmark:
        BENCHMARKS / "finetune_scorer" / "{model}.tsv"


rule unfreeze_scorer:
    """Stage (ii) or (iii) with layers of the acoustic model trained as well, or of a row's own."""
    input:
        **train_and_test(data="labelled/utt2spk", pool="pool/phones.scp"),
        train_lower=lambda w: ROWS.lower(w.model, "train"),
        test_lower=lambda w: ROWS.lower(w.model, "test"),
        acoustic=WORK / "tdnnf" / "final.pt",
        start=lambda w: ROWS.start("unfrozen", w.model),
        synthetic=lambda w: ROWS.learned(w.model),
        unlabelled=lambda w: ROWS.also_learned(w.model)["unlabelled"],
        unlabelled_lower=lambda w: ROWS.also_learned(w.model)["unlabelled_lower"],
    output:
        WORK / "unfrozen" / "{model}" / "model.pt",
        WORK / "unfrozen" / "{model}" / "scores.csv",
    params:
        folders=folders(
            *("train_data", "test_data", "train_pool", "test_pool"),
            *("train_lower", "test_lower", "start", "unlabelled", "unlabelled_lower"),
            out=0,
        ),
        files=files("acoustic", "synthetic"),
        options=lambda w: options("unfreeze_scorer", ROWS.options("unfrozen", w.model)),
    threads: NEEDS.threads("unfreeze_scorer")
    resources:
        **NEEDS.resources("unfreeze_scorer"),
    log:
        LOGS / "unfreeze_scorer" / "{model}.log",
    benchmark:
        BENCHMARKS / "unfreeze_scorer" / "{model}.tsv"
    shell:
        "pyscorer unfreeze_scorer {params.folders} {params.files} --jobs {threads}"
        " {params.options} 2>&1 | tee {log:q}"


rule parameters:
    localrule: True
    input:
        PLAN.acoustic.model,
    output:
        WORK / "parameters" / "parameters.csv",
    params:
        folders=folders(out=0),
    log:
        LOGS / "parameters.log",
    shell:
        "pyscorer parameters --acoustic {input:q} {params.folders} 2>&1 | tee {log:q}"


rule paper_tables:
    localrule: True
    input:
        data=WORK / "labelled" / CORPUS / "test" / "utt2spk",
        models=[ROWS.directory(name) / "scores.csv" for name in ROWS.shown],
        parameters=rules.parameters.output[0],
    output:
        RESULTS / "paper1" / "paper1.html",
    params:
        folders=folders("data", "models", out=0),
        names=ROWS.shown,
        options=options("paper_tables", base=ROWS.told()),
    log:
        LOGS / "paper_tables.log",
    benchmark:
        BENCHMARKS / "paper_tables.tsv"
    shell:
        "pyscorer paper_tables {params.folders} --names {params.names:q}"
        " --parameters {input.parameters:q} {params.options} 2>&1 | tee {log:q}"


rule quote:
    """The tables of the run, copied into the page that explains them."""
    localrule: True
    input:
        RESULTS / "paper1" / "paper1.html",
    params:
        results=RESULTS,
        document=RECIPES.parent / "docs" / config["paper1"].get("document", "pronunciation.md"),
    log:
        LOGS / "quote.log",
    shell:
        "pyscorer quote --results {params.results:q} --document {params.document:q}"
        " 2>&1 | tee {log:q}"
