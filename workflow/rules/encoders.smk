# Pretrained speech encoders as sources: their states, what is learned from them, what they hear.
rule encode:
    """Deep features of a pretrained encoder, beside those of the run's own acoustic model."""
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
    output:
        WORK / "encoded" / "{corpus}" / "{split}" / "embed.scp",
        WORK / "encoded" / "{corpus}" / "{split}" / "frame_shift",
    params:
        folders=folders("data", out=0),
        options=options("encode"),
    threads: NEEDS.threads("encode")
    resources:
        **NEEDS.resources("encode"),
    log:
        LOGS / "encode" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "encode" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer encode {params.folders} --jobs {threads} {params.options} 2>&1 | tee {log:q}"


# The stage pool, of the encoder's states.
use rule pool as pool_encoded with:
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        ali=WORK / "ali" / "{corpus}" / "{split}" / "phones.ctm",
        deep=WORK / "encoded" / "{corpus}" / "{split}" / "frame_shift",
    output:
        WORK / "pool_encoded" / "{corpus}" / "{split}" / "phones.scp",
        WORK / "pool_encoded" / "{corpus}" / "{split}" / "segments.csv",
        WORK / "pool_encoded" / "{corpus}" / "{split}" / "columns.txt",
    params:
        options=options("pool", {"posteriors": False}),
    log:
        LOGS / "pool_encoded" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "pool_encoded" / "{corpus}" / "{split}.tsv"


rule train_learned_gop:
    """A classifier of phones, and its posteriors of the phones that it was trained on."""
    input:
        data=WORK / "labelled" / CORPUS / "train" / "utt2spk",
        pool=WORK / "pool_encoded" / CORPUS / "train" / "phones.scp",
    output:
        WORK / "learned_gop" / "model.pt",
        WORK / "learned_gop" / CORPUS / "train" / "phones.scp",
    params:
        folders=folders("data", "pool", out=1),
        options=options("train_learned_gop"),
    resources:
        **NEEDS.resources("train_learned_gop"),
    log:
        LOGS / "train_learned_gop.log",
    benchmark:
        BENCHMARKS / "train_learned_gop.tsv"
    shell:
        "pyscorer train_learned_gop {params.folders} --model {output[0]:q} {params.options}"
        " 2>&1 | tee {log:q}"


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
        folders=folders("pool", out=0),
    resources:
        **NEEDS.resources("learned_gop"),
    log:
        LOGS / "learned_gop" / "{split}.log",
    benchmark:
        BENCHMARKS / "learned_gop" / "{split}.tsv"
    shell:
        "pyscorer learned_gop --model {input.model:q} {params.folders} 2>&1 | tee {log:q}"


rule recogniser_view:
    """How Whisper hears each recording, and how likely it finds its text."""
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
    output:
        WORK / "recogniser_view" / "{corpus}" / "{split}" / "words.csv",
        WORK / "recogniser_view" / "{corpus}" / "{split}" / "utterances.csv",
    params:
        folders=folders("data", out=0),
        options=options("recogniser_view", base=recogniser(config)),
    threads: NEEDS.threads("recogniser_view")
    resources:
        **NEEDS.resources("recogniser_view"),
    log:
        LOGS / "recogniser_view" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "recogniser_view" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer recogniser_view {params.folders} --jobs {threads} {params.options}"
        " 2>&1 | tee {log:q}"


rule heard_phones:
    """What Whisper heard, phone by phone against the text."""
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        lexicon=WORK / "data" / "{corpus}" / "{split}" / "lexicon.txt",
        view=WORK / "recogniser_view" / "{corpus}" / "{split}" / "utterances.csv",
        pool=WORK / "gop" / "{corpus}" / "{split}" / "phones.scp",
    output:
        WORK / "heard_phones" / "{corpus}" / "{split}" / "phones.scp",
    params:
        folders=folders("data", "view", "pool", out=0),
    resources:
        **NEEDS.resources("heard_phones"),
    log:
        LOGS / "heard_phones" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "heard_phones" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer heard_phones {params.folders} 2>&1 | tee {log:q}"
