# The transforms of the kaldi engine's GMMs, see kaldi_gmm.smk: LDA, MLLT and those of speakers (fMLLR).
use rule kaldi_accumulate as kaldi_lda_stats with:
    input:
        shard=TRAIN_SHARD,
        cmvn=TRAIN_CMVN,
        ali=K / "tri" / "ali" / ACOUSTIC / "{shard}.gz",
        model=KALDI.final("tri"),
    output:
        K / "lda" / "acc" / "lda.{shard}",
    params:
        script="acc_lda.sh",
    log:
        LOGS / "kaldi" / "lda_stats.{shard}.log",


rule kaldi_lda:
    input:
        expand(K / "lda" / "acc" / "lda.{shard}", shard=SHARDS),
    output:
        K / "lda" / "0.mat",
    log:
        LOGS / "kaldi" / "lda.log",
    shell:
        "{RECIPES:q}/est_lda.sh {output:q} {input:q} 2>&1 | tee {log:q}"


use rule kaldi_accumulate as kaldi_mllt_stats with:
    input:
        unpack(lambda w: KALDI.seen("lda", int(w.iteration) - 1, w.shard)),
        shard=TRAIN_SHARD,
        cmvn=TRAIN_CMVN,
        ali=lambda w: KALDI.alignment_at("lda", w.iteration, w.shard),
        model=K / "lda" / "{iteration}.mdl",
    output:
        K / "lda" / "acc" / "mllt.{iteration}.{shard}",
    params:
        script="acc_mllt.sh",
    log:
        LOGS / "kaldi" / "mllt_stats.{iteration}.{shard}.log",


rule kaldi_mllt:
    input:
        unpack(lambda w: KALDI.seen("lda", int(w.iteration) - 1, None)),
        model=K / "lda" / "{iteration}.mdl",
        acc=expand(K / "lda" / "acc" / "mllt.{iteration}.{shard}", shard=SHARDS, allow_missing=True),
    output:
        K / "lda" / "{iteration}.turned.mdl",
        K / "lda" / "{iteration}.mat",
    wildcard_constraints:
        iteration=r"[1-9]\d*",
    log:
        LOGS / "kaldi" / "mllt.{iteration}.log",
    shell:
        "{RECIPES:q}/est_mllt.sh {input.model:q} {input.lda:q} {output:q} {input.acc:q}"
        " 2>&1 | tee {log:q}"


rule kaldi_fmllr:
    """Transforms of the train speakers by the model of an iteration."""
    input:
        unpack(lambda w: KALDI.seen("sat", int(w.iteration) - 1, w.shard)),
        shard=TRAIN_SHARD,
        spk2utt=K / "shards" / ACOUSTIC / "{shard}.spk2utt",
        cmvn=TRAIN_CMVN,
        ali=lambda w: KALDI.alignment_at("sat", w.iteration, w.shard),
        model=K / "sat" / "{iteration}.mdl",
    output:
        K / "sat" / "fmllr" / "{iteration}.{shard}",
    params:
        view=transforms,
        data=TRAIN,
        mfcc=TRAIN_MFCC,
    log:
        LOGS / "kaldi" / "fmllr.{iteration}.{shard}.log",
    shell:
        "{params.view} {RECIPES:q}/fmllr.sh {params.data:q} {params.mfcc:q} {input.shard:q}"
        " {input.spk2utt:q} {input.ali:q} {input.model:q} {output:q} 2>&1 | tee {log:q}"


# Transforms of the speakers of a split by the LDA+MLLT model.
use rule kaldi_fmllr as kaldi_fmllr_first with:
    input:
        lda=KALDI.matrix,
        shard=SHARD,
        spk2utt=K / "shards" / "{split}" / "{shard}.spk2utt",
        cmvn=CMVN,
        ali=K / "lda" / "ali" / "{split}" / "{shard}.gz",
        model=KALDI.final("lda"),
        lang=DATA / "L.fst",
    output:
        K / "sat" / "fmllr" / "{split}" / "{shard}",
    params:
        data=subpath(input.lang, parent=True),
        mfcc=subpath(input.cmvn, parent=True),
    log:
        LOGS / "kaldi" / "fmllr_first.{split}.{shard}.log",


rule kaldi_adapt:
    """Transforms of the speakers of a split by the finished model: aligned with the first transforms."""
    input:
        lda=KALDI.matrix,
        fmllr=K / "sat" / "fmllr" / "{split}" / "{shard}",
        shard=SHARD,
        spk2utt=K / "shards" / "{split}" / "{shard}.spk2utt",
        cmvn=CMVN,
        graphs=K / "sat" / "graphs" / "{split}" / "{shard}.gz",
        model=KALDI.final("sat"),
        lang=DATA / "L.fst",
    output:
        K / "sat" / "adapted" / "{split}" / "{shard}",
    params:
        retry=WIDEST,
        view=transforms,
        data=subpath(input.lang, parent=True),
        mfcc=subpath(input.cmvn, parent=True),
    log:
        LOGS / "kaldi" / "adapt.{split}.{shard}.log",
    shell:
        "{{ export {params.view};"
        " {RECIPES:q}/align_gmm.sh {params.data:q} {params.mfcc:q} {input.shard:q} {input.graphs:q}"
        " {input.model:q} 10 {params.retry} {output:q}.gz;"
        " {RECIPES:q}/fmllr.sh {params.data:q} {params.mfcc:q} {input.shard:q} {input.spk2utt:q}"
        " {output:q}.gz {input.model:q} {output:q}; }} 2>&1 | tee {log:q}"
