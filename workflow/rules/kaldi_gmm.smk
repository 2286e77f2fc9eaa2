# The GMMs of the kaldi engine, see kaldi.smk: monophones, triphones on deltas, on LDA+MLLT, and on
# transforms of speakers (SAT). Each starts from the alignment of the one before.
WIDEST = 640
"""Retry beam where every utterance must be aligned; in training one left out does no harm."""
SHARD = K / "mfcc13" / "{split}" / "{shard}.scp"
CMVN = WORK / "mfcc13" / CORPUS / "{split}" / "cmvn.scp"
TRAIN_SHARD = K / "mfcc13" / ACOUSTIC / "{shard}.scp"
TRAIN_MFCC = WORK / "mfcc13" / CORPUS / ACOUSTIC
TRAIN_CMVN = TRAIN_MFCC / "cmvn.scp"


ruleorder: kaldi_tri_init > kaldi_estimate


rule kaldi_mono_init:
    input:
        shard=K / "mfcc13" / ACOUSTIC / "000.scp",
        cmvn=TRAIN_CMVN,
        lang=TRAIN / "L.fst",
    output:
        K / "mono" / "0.mdl",
        K / "mono" / "tree",
    params:
        data=TRAIN,
        mfcc=TRAIN_MFCC,
        out=subpath(output[0], parent=True),
    log:
        LOGS / "kaldi" / "mono_init.log",
    shell:
        "{RECIPES:q}/mono_init.sh {params.data:q} {params.data:q} {params.mfcc:q} {input.shard:q}"
        " {params.out:q} 2>&1 | tee {log:q}"


rule kaldi_graphs:
    input:
        shard=SHARD,
        tree=K / "{system}" / "tree",
        model=lambda w: KALDI.start(w.system),
        lang=DATA / "L.fst",
    output:
        K / "{system}" / "graphs" / "{split}" / "{shard}.gz",
    params:
        lang=subpath(input.lang, parent=True),
    log:
        LOGS / "kaldi" / "graphs.{system}.{split}.{shard}.log",
    shell:
        "{RECIPES:q}/graphs.sh {params.lang:q} {params.lang:q} {input.shard:q} {input.model:q}"
        " {input.tree:q} {output:q} 2>&1 | tee {log:q}"


rule kaldi_align_equal:
    input:
        shard=TRAIN_SHARD,
        cmvn=TRAIN_CMVN,
        graphs=K / "mono" / "graphs" / ACOUSTIC / "{shard}.gz",
    output:
        K / "mono" / "start" / "{shard}.gz",
    params:
        data=TRAIN,
        mfcc=TRAIN_MFCC,
    log:
        LOGS / "kaldi" / "align_equal.{shard}.log",
    shell:
        "{RECIPES:q}/align_equal.sh {params.data:q} {params.mfcc:q} {input.shard:q} {input.graphs:q}"
        " {output:q} 2>&1 | tee {log:q}"


rule kaldi_convert_ali:
    input:
        old=lambda w: KALDI.final(BEFORE[w.system]),
        ali=lambda w: KALDI.ali(BEFORE[w.system], ACOUSTIC, w.shard),
        new=K / "{system}" / "1.mdl",
        tree=K / "{system}" / "tree",
    output:
        K / "{system}" / "start" / "{shard}.gz",
    wildcard_constraints:
        system="tri|lda|sat",
    log:
        LOGS / "kaldi" / "convert_ali.{system}.{shard}.log",
    shell:
        "{RECIPES:q}/convert_ali.sh {input.old:q} {input.new:q} {input.tree:q} {input.ali:q}"
        " {output:q} 2>&1 | tee {log:q}"


rule kaldi_realign:
    input:
        unpack(lambda w: KALDI.seen(w.system, w.iteration, w.shard)),
        shard=TRAIN_SHARD,
        cmvn=TRAIN_CMVN,
        graphs=K / "{system}" / "graphs" / ACOUSTIC / "{shard}.gz",
        model=lambda w: KALDI.model(w.system, w.iteration),
    output:
        K / "{system}" / "realigned" / "{iteration}.{shard}.gz",
    params:
        view=transforms,
        data=TRAIN,
        mfcc=TRAIN_MFCC,
        beam=lambda w: KALDI.beam(w.system, w.iteration),
        retry=40,
    log:
        LOGS / "kaldi" / "realign.{system}.{iteration}.{shard}.log",
    shell:
        "{params.view} {RECIPES:q}/align_gmm.sh {params.data:q} {params.mfcc:q} {input.shard:q}"
        " {input.graphs:q} {input.model:q} {params.beam} {params.retry} {output:q}"
        " 2>&1 | tee {log:q}"


use rule kaldi_realign as kaldi_align with:
    input:
        unpack(lambda w: KALDI.seen_last(w.system, w.split, w.shard)),
        shard=SHARD,
        cmvn=CMVN,
        graphs=K / "{system}" / "graphs" / "{split}" / "{shard}.gz",
        model=lambda w: KALDI.final(w.system),
        lang=DATA / "L.fst",
    output:
        K / "{system}" / "ali" / "{split}" / "{shard}.gz",
    params:
        data=subpath(input.lang, parent=True),
        mfcc=subpath(input.cmvn, parent=True),
        beam=10,
        retry=WIDEST,
    log:
        LOGS / "kaldi" / "align.{system}.{split}.{shard}.log",


rule kaldi_accumulate:
    input:
        unpack(lambda w: KALDI.seen(w.system, w.iteration, w.shard)),
        shard=TRAIN_SHARD,
        cmvn=TRAIN_CMVN,
        model=lambda w: KALDI.model(w.system, w.iteration),
        ali=lambda w: KALDI.alignment_at(w.system, w.iteration, w.shard),
    output:
        temp(K / "{system}" / "acc" / "{iteration}.{shard}"),
    params:
        data=TRAIN,
        mfcc=TRAIN_MFCC,
        view=transforms,
        script="acc_gmm.sh",
    log:
        LOGS / "kaldi" / "acc.{system}.{iteration}.{shard}.log",
    shell:
        "{params.view} {RECIPES:q}/{params.script} {params.data:q} {params.mfcc:q} {input.shard:q}"
        " {input.ali:q} {input.model:q} {output:q} 2>&1 | tee {log:q}"


rule kaldi_estimate:
    input:
        model=lambda w: KALDI.model(w.system, int(w.iteration) - 1),
        acc=lambda w: KALDI.accumulated(w.system, w.iteration),
    output:
        K / "{system}" / "{iteration}.mdl",
    wildcard_constraints:
        iteration=r"[1-9]\d*",
    params:
        gaussians=lambda w: KALDI.gaussians(w.system, w.iteration),
        occupancy=lambda w: KALDI.occupancy(w.system, w.iteration),
    log:
        LOGS / "kaldi" / "estimate.{system}.{iteration}.log",
    shell:
        "{RECIPES:q}/est_gmm.sh {input.model:q} {params.gaussians} {params.occupancy} {output:q}"
        " {input.acc:q} 2>&1 | tee {log:q}"


use rule kaldi_accumulate as kaldi_tree_stats with:
    input:
        unpack(lambda w: KALDI.seen(w.system, 1, w.shard)),
        shard=TRAIN_SHARD,
        cmvn=TRAIN_CMVN,
        ali=lambda w: KALDI.ali(BEFORE[w.system], ACOUSTIC, w.shard),
        model=lambda w: KALDI.final(BEFORE[w.system]),
    output:
        K / "{system}" / "stats" / "{shard}",
    params:
        script="tree_stats.sh",
    log:
        LOGS / "kaldi" / "tree_stats.{system}.{shard}.log",


rule kaldi_tri_init:
    input:
        expand(K / "{system}" / "stats" / "{shard}", shard=SHARDS, allow_missing=True),
    output:
        K / "{system}" / "tree",
        K / "{system}" / "1.mdl",
    wildcard_constraints:
        system="tri|lda|sat",
    params:
        data=TRAIN,
        leaves=ENGINE["tri_leaves"],
        out=subpath(output[0], parent=True),
    log:
        LOGS / "kaldi" / "tri_init.{system}.log",
    shell:
        "{RECIPES:q}/tri_init.sh {params.data:q} {params.leaves} {params.out:q} {input:q}"
        " 2>&1 | tee {log:q}"


rule kaldi_phones:
    input:
        model=KALDI.final(KALDI.last_gmm),
        ali=lambda w: KALDI.alis(w.split),
    output:
        K / KALDI.last_gmm / "phones" / "{split}.lengths",
    params:
        stem=subpath(output[0], strip_suffix=".lengths"),
    log:
        LOGS / "kaldi" / "phones.{split}.log",
    shell:
        "{RECIPES:q}/phones.sh {input.model:q} {params.stem:q} {input.ali:q} 2>&1 | tee {log:q}"


include: "kaldi_transforms.smk"
