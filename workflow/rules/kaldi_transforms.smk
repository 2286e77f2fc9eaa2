# The transforms of the kaldi engine's GMMs, see kaldi_gmm.smk: LDA, MLLT and those of speakers (fMLLR).
rule kaldi_lda_stats:
    input:
        shard=TRAIN_SHARD,
        cmvn=TRAIN_CMVN,
        ali=K / "tri" / "ali" / ACOUSTIC / "{shard}.gz",
        model=kaldi_final("tri"),
    output:
        K / "lda" / "acc" / "lda.{shard}",
    params:
        mfcc=subpath(input.cmvn, parent=True),
    log:
        LOGS / "kaldi" / "lda_stats.{shard}.log",
    shell:
        "{RECIPES}/acc_lda.sh {TRAIN} {params.mfcc} {input.shard} {input.ali} {input.model} {output} 2> {log}"


rule kaldi_lda:
    input:
        expand(f"{K}/lda/acc/lda.{{shard}}", shard=SHARDS),
    output:
        K / "lda" / "0.mat",
    log:
        LOGS / "kaldi" / "lda.log",
    shell:
        "{RECIPES}/est_lda.sh {output} {input} 2> {log}"


rule kaldi_mllt_stats:
    input:
        unpack(lambda wildcards: kaldi_seen("lda", int(wildcards.iteration) - 1, wildcards.shard)),
        shard=TRAIN_SHARD,
        cmvn=TRAIN_CMVN,
        ali=lambda wildcards: kaldi_alignment_at("lda", int(wildcards.iteration), wildcards.shard),
        model=K / "lda" / "{iteration}.mdl",
    output:
        K / "lda" / "acc" / "mllt.{iteration}.{shard}",
    params:
        mfcc=subpath(input.cmvn, parent=True),
        view=kaldi_view,
    log:
        LOGS / "kaldi" / "mllt_stats.{iteration}.{shard}.log",
    shell:
        "{params.view} {RECIPES}/acc_mllt.sh {TRAIN} {params.mfcc} {input.shard} {input.ali} {input.model}"
        " {output} 2> {log}"


rule kaldi_mllt:
    input:
        unpack(lambda wildcards: kaldi_seen("lda", int(wildcards.iteration) - 1, None)),
        model=K / "lda" / "{iteration}.mdl",
        acc=expand(f"{K}/lda/acc/mllt.{{{{iteration}}}}.{{shard}}", shard=SHARDS),
    output:
        K / "lda" / "{iteration}.turned.mdl",
        K / "lda" / "{iteration}.mat",
    wildcard_constraints:
        iteration=r"[1-9]\d*",
    log:
        LOGS / "kaldi" / "mllt.{iteration}.log",
    shell:
        "{RECIPES}/est_mllt.sh {input.model} {input.lda} {output} {input.acc} 2> {log}"


rule kaldi_fmllr_first:
    """Transforms of the speakers of a split by the LDA+MLLT model."""
    input:
        lda=MATRIX,
        shard=SHARD,
        spk2utt=K / "shards" / "{split}" / "{shard}.spk2utt",
        cmvn=CMVN,
        ali=K / "lda" / "ali" / "{split}" / "{shard}.gz",
        model=kaldi_final("lda"),
        lang=DATA / "L.fst",
    output:
        K / "sat" / "fmllr" / "{split}" / "{shard}",
    params:
        mfcc=subpath(input.cmvn, parent=True),
        data=subpath(input.lang, parent=True),
        view=kaldi_view,
    log:
        LOGS / "kaldi" / "fmllr_first.{split}.{shard}.log",
    shell:
        "{params.view} {RECIPES}/fmllr.sh {params.data} {params.mfcc} {input.shard} {input.spk2utt}"
        " {input.ali} {input.model} {output} 2> {log}"


rule kaldi_fmllr:
    """Transforms of the train speakers by the model of an iteration."""
    input:
        unpack(lambda wildcards: kaldi_seen("sat", int(wildcards.iteration) - 1, wildcards.shard)),
        shard=TRAIN_SHARD,
        spk2utt=K / "shards" / ACOUSTIC / "{shard}.spk2utt",
        cmvn=TRAIN_CMVN,
        ali=lambda wildcards: kaldi_alignment_at("sat", int(wildcards.iteration), wildcards.shard),
        model=K / "sat" / "{iteration}.mdl",
    output:
        K / "sat" / "fmllr" / "{iteration}.{shard}",
    params:
        mfcc=subpath(input.cmvn, parent=True),
        view=kaldi_view,
    log:
        LOGS / "kaldi" / "fmllr.{iteration}.{shard}.log",
    shell:
        "{params.view} {RECIPES}/fmllr.sh {TRAIN} {params.mfcc} {input.shard} {input.spk2utt} {input.ali}"
        " {input.model} {output} 2> {log}"


rule kaldi_adapt:
    """Transforms of the speakers of a split by the finished model: aligned with the first transforms."""
    input:
        lda=MATRIX,
        fmllr=K / "sat" / "fmllr" / "{split}" / "{shard}",
        shard=SHARD,
        spk2utt=K / "shards" / "{split}" / "{shard}.spk2utt",
        cmvn=CMVN,
        graphs=K / "sat" / "graphs" / "{split}" / "{shard}.gz",
        model=kaldi_final("sat"),
        lang=DATA / "L.fst",
    output:
        K / "sat" / "adapted" / "{split}" / "{shard}",
    params:
        mfcc=subpath(input.cmvn, parent=True),
        data=subpath(input.lang, parent=True),
        view=kaldi_view,
    log:
        LOGS / "kaldi" / "adapt.{split}.{shard}.log",
    shell:
        "export {params.view};"
        " {RECIPES}/align_gmm.sh {params.data} {params.mfcc} {input.shard} {input.graphs} {input.model}"
        " 10 {WIDEST} {output}.gz 2> {log};"
        " {RECIPES}/fmllr.sh {params.data} {params.mfcc} {input.shard} {input.spk2utt} {output}.gz"
        " {input.model} {output} 2>> {log}"
