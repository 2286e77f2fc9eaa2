# Pretrained speech encoders as sources: their states, what is learned from them, what they hear.
ENCODERS = config["encode"]["model"]
RECOGNISER = {"model": ENCODERS if isinstance(ENCODERS, str) else ENCODERS[0]} | config.get(
    "recogniser_view", {}
)


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


rule pool_encoded:
    """The stage pool, of the encoder's states."""
    input:
        text=WORK / "data" / "{corpus}" / "{split}" / "text",
        ali=WORK / "ali" / "{corpus}" / "{split}" / "phones.ctm",
        deep=WORK / "encoded" / "{corpus}" / "{split}" / "frame_shift",
    output:
        WORK / "pool_encoded" / "{corpus}" / "{split}" / "phones.scp",
        WORK / "pool_encoded" / "{corpus}" / "{split}" / "segments.csv",
        WORK / "pool_encoded" / "{corpus}" / "{split}" / "columns.txt",
    params:
        data=subpath(input.text, parent=True),
        ali=subpath(input.ali, parent=True),
        deep=subpath(input.deep, parent=True),
        out=subpath(output[0], parent=True),
    log:
        LOGS / "pool_encoded" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "pool_encoded" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer pool --no-posteriors --data {params.data} --ali {params.ali}"
        " --deep {params.deep} --out {params.out} 2>&1 | tee {log}"


rule train_learned_gop:
    """A classifier of phones, and its posteriors of the phones that it was trained on."""
    input:
        data=WORK / "data" / CORPUS / "train" / "text",
        pool=WORK / "pool_encoded" / CORPUS / "train" / "phones.scp",
    output:
        WORK / "learned_gop" / "model.pt",
        WORK / "learned_gop" / CORPUS / "train" / "phones.scp",
    params:
        data=subpath(input.data, parent=True),
        pool=subpath(input.pool, parent=True),
        out=subpath(output[1], parent=True),
        options=options("train_learned_gop"),
    log:
        LOGS / "train_learned_gop.log",
    benchmark:
        BENCHMARKS / "train_learned_gop.tsv"
    shell:
        "pyscorer train_learned_gop --data {params.data} --pool {params.pool} --model {output[0]}"
        " --out {params.out} {params.options} 2>&1 | tee {log}"


rule learned_gop:
    """Learned posteriors of the phones of other splits."""
    input:
        model=WORK / "learned_gop" / "model.pt",
        pool=WORK / "pool_encoded" / CORPUS / "{split}" / "phones.scp",
    output:
        WORK / "learned_gop" / CORPUS / "{split}" / "phones.scp",
    wildcard_constraints:
        split="(?!train$)[^/]+",
    params:
        pool=subpath(input.pool, parent=True),
        out=subpath(output[0], parent=True),
    log:
        LOGS / "learned_gop" / "{split}.log",
    benchmark:
        BENCHMARKS / "learned_gop" / "{split}.tsv"
    shell:
        "pyscorer learned_gop --model {input.model} --pool {params.pool} --out {params.out}"
        " 2>&1 | tee {log}"


rule recogniser_view:
    """How Whisper hears each recording, and how likely it finds its text."""
    input:
        text=WORK / "data" / "{corpus}" / "{split}" / "text",
    output:
        WORK / "recogniser_view" / "{corpus}" / "{split}" / "words.csv",
        WORK / "recogniser_view" / "{corpus}" / "{split}" / "utterances.csv",
    params:
        data=subpath(input.text, parent=True),
        out=subpath(output[0], parent=True),
        options=flags(RECOGNISER),
    threads: workflow.cores
    log:
        LOGS / "recogniser_view" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "recogniser_view" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer recogniser_view --data {params.data} --out {params.out} --jobs {threads}"
        " {params.options} 2>&1 | tee {log}"


rule heard_phones:
    """What Whisper heard, phone by phone against the text."""
    input:
        text=WORK / "data" / "{corpus}" / "{split}" / "text",
        lexicon=WORK / "data" / "{corpus}" / "{split}" / "lexicon.txt",
        view=WORK / "recogniser_view" / "{corpus}" / "{split}" / "utterances.csv",
        phones=WORK / "gop" / "{corpus}" / "{split}" / "phones.scp",
    output:
        WORK / "heard_phones" / "{corpus}" / "{split}" / "phones.scp",
    params:
        data=subpath(input.text, parent=True),
        view=subpath(input.view, parent=True),
        pool=subpath(input.phones, parent=True),
        out=subpath(output[0], parent=True),
    log:
        LOGS / "heard_phones" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "heard_phones" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer heard_phones --data {params.data} --view {params.view} --pool {params.pool}"
        " --out {params.out} 2>&1 | tee {log}"
