# The GMMs of the kaldi engine, see kaldi.smk: monophones, triphones on deltas, on LDA+MLLT, and on
# transforms of speakers (SAT). Each starts from the alignment of the one before.
BEFORE = {"tri": "mono", "lda": "tri", "sat": "lda"}
LAST_GMM = ENGINE["gmm"]
MONO, TRI = ENGINE["mono_iterations"], ENGINE["tri_iterations"]
REALIGN = {*range(1, 11), *range(12, 21, 2), *range(23, MONO, 3)}, {10, 20, 30}
TURN = [iteration for iteration in (2, 4, 6, 12) if iteration < TRI]
"""Iterations that make MLLT (system lda) or the transforms of speakers (sat) anew."""
WIDEST = 640
"""Retry beam where every utterance must be aligned; in training one left out does no harm."""
MATRIX = K / "lda" / f"{max([0, *TURN])}.mat"


ruleorder: kaldi_tri_init > kaldi_estimate


def kaldi_model(system, iteration):
    turned = system == "lda" and iteration in TURN
    return K / system / (f"{iteration}.turned.mdl" if turned else f"{iteration}.mdl")


def kaldi_final(system):
    return kaldi_model(system, MONO if system == "mono" else TRI)


def kaldi_start(system):
    return K / system / ("0.mdl" if system == "mono" else "1.mdl")


def kaldi_latest(numbers, iteration):
    return max(number for number in numbers if number <= iteration)


def kaldi_seen(system, iteration, shard):
    """What the features of the train split go through at an iteration (see lib.sh)."""
    if system == "lda":
        return {"lda": K / "lda" / f"{kaldi_latest([0, *TURN], iteration)}.mat"}
    if system == "sat":
        latest = kaldi_latest([1, *TURN], iteration)
        made = f"{ACOUSTIC}/{shard}" if latest == 1 else f"{latest}.{shard}"
        return {"lda": MATRIX, "fmllr": K / "sat" / "fmllr" / made}
    return {}


def kaldi_seen_last(system, split, shard):
    """What the features of any split go through with a finished model."""
    seen = {"lda": MATRIX} if system in ("lda", "sat") else {}
    return seen | ({"fmllr": K / "sat" / "adapted" / split / shard} if system == "sat" else {})


def kaldi_view(wildcards, input):
    """The environment that tells lib.sh of these transforms."""
    return " ".join(f"{name.upper()}={input[name]}" for name in ("lda", "fmllr") if name in input.keys())


def kaldi_alignment_at(system, iteration, shard):
    """The alignment that an iteration learns from."""
    realigned = [i for i in REALIGN[system != "mono"] if i <= iteration]
    if not realigned:
        return K / system / "start" / f"{shard}.gz"
    return K / system / "realigned" / f"{max(realigned)}.{shard}.gz"


def kaldi_gaussians(system, iteration):
    """Gaussians after an iteration: a straight line over the first three quarters, as in Kaldi."""
    start, goal, last = (
        (127, ENGINE["gaussians"], MONO * 3 // 4)
        if system == "mono"
        else (ENGINE["tri_leaves"], ENGINE["tri_gaussians"], TRI * 3 // 4)
    )
    return start + max(goal - start, 0) * min(iteration, last) // last


SHARD = K / "mfcc13" / "{split}" / "{shard}.scp"
CMVN = WORK / "mfcc13" / CORPUS / "{split}" / "cmvn.scp"
TRAIN_SHARD, TRAIN_CMVN = (Path(str(path).replace("{split}", ACOUSTIC)) for path in (SHARD, CMVN))


rule kaldi_mono_init:
    input:
        shard=K / "mfcc13" / ACOUSTIC / "000.scp",
        cmvn=TRAIN_CMVN,
        lang=TRAIN / "L.fst",
    output:
        K / "mono" / "0.mdl",
        K / "mono" / "tree",
    params:
        mfcc=subpath(input.cmvn, parent=True),
    log:
        LOGS / "kaldi" / "mono_init.log",
    shell:
        "{RECIPES}/mono_init.sh {TRAIN} {TRAIN} {params.mfcc} {input.shard} {K}/mono 2> {log}"


rule kaldi_graphs:
    input:
        shard=SHARD,
        tree=K / "{system}" / "tree",
        model=lambda wildcards: kaldi_start(wildcards.system),
        lang=DATA / "L.fst",
    output:
        K / "{system}" / "graphs" / "{split}" / "{shard}.gz",
    params:
        lang=subpath(input.lang, parent=True),
    log:
        LOGS / "kaldi" / "graphs.{system}.{split}.{shard}.log",
    shell:
        "{RECIPES}/graphs.sh {params.lang} {params.lang} {input.shard} {input.model} {input.tree}"
        " {output} 2> {log}"


rule kaldi_align_equal:
    input:
        shard=TRAIN_SHARD,
        cmvn=TRAIN_CMVN,
        graphs=K / "mono" / "graphs" / ACOUSTIC / "{shard}.gz",
    output:
        K / "mono" / "start" / "{shard}.gz",
    params:
        mfcc=subpath(input.cmvn, parent=True),
    log:
        LOGS / "kaldi" / "align_equal.{shard}.log",
    shell:
        "{RECIPES}/align_equal.sh {TRAIN} {params.mfcc} {input.shard} {input.graphs} {output} 2> {log}"


rule kaldi_convert_ali:
    input:
        old=lambda wildcards: kaldi_final(BEFORE[wildcards.system]),
        ali=lambda wildcards: K / BEFORE[wildcards.system] / "ali" / ACOUSTIC / f"{wildcards.shard}.gz",
        new=K / "{system}" / "1.mdl",
        tree=K / "{system}" / "tree",
    output:
        K / "{system}" / "start" / "{shard}.gz",
    wildcard_constraints:
        system="tri|lda|sat",
    log:
        LOGS / "kaldi" / "convert_ali.{system}.{shard}.log",
    shell:
        "{RECIPES}/convert_ali.sh {input.old} {input.new} {input.tree} {input.ali} {output} 2> {log}"


rule kaldi_realign:
    input:
        unpack(lambda wildcards: kaldi_seen(wildcards.system, int(wildcards.iteration), wildcards.shard)),
        shard=TRAIN_SHARD,
        cmvn=TRAIN_CMVN,
        graphs=K / "{system}" / "graphs" / ACOUSTIC / "{shard}.gz",
        model=lambda wildcards: kaldi_model(wildcards.system, int(wildcards.iteration)),
    output:
        K / "{system}" / "realigned" / "{iteration}.{shard}.gz",
    params:
        mfcc=subpath(input.cmvn, parent=True),
        beam=lambda wildcards: 6 if (wildcards.system, wildcards.iteration) == ("mono", "1") else 10,
        view=kaldi_view,
    log:
        LOGS / "kaldi" / "realign.{system}.{iteration}.{shard}.log",
    shell:
        "{params.view} {RECIPES}/align_gmm.sh {TRAIN} {params.mfcc} {input.shard} {input.graphs}"
        " {input.model} {params.beam} 40 {output} 2> {log}"


rule kaldi_accumulate:
    input:
        unpack(lambda wildcards: kaldi_seen(wildcards.system, int(wildcards.iteration), wildcards.shard)),
        shard=TRAIN_SHARD,
        cmvn=TRAIN_CMVN,
        model=lambda wildcards: kaldi_model(wildcards.system, int(wildcards.iteration)),
        ali=lambda wildcards: kaldi_alignment_at(wildcards.system, int(wildcards.iteration), wildcards.shard),
    output:
        temp(K / "{system}" / "acc" / "{iteration}.{shard}"),
    params:
        mfcc=subpath(input.cmvn, parent=True),
        view=kaldi_view,
    log:
        LOGS / "kaldi" / "acc.{system}.{iteration}.{shard}.log",
    shell:
        "{params.view} {RECIPES}/acc_gmm.sh {TRAIN} {params.mfcc} {input.shard} {input.ali} {input.model}"
        " {output} 2> {log}"


rule kaldi_estimate:
    input:
        model=lambda wildcards: kaldi_model(wildcards.system, int(wildcards.iteration) - 1),
        acc=lambda wildcards: expand(
            f"{K}/{wildcards.system}/acc/{int(wildcards.iteration) - 1}.{{shard}}", shard=SHARDS
        ),
    output:
        K / "{system}" / "{iteration}.mdl",
    wildcard_constraints:
        iteration=r"[1-9]\d*",
    params:
        gaussians=lambda wildcards: kaldi_gaussians(wildcards.system, int(wildcards.iteration) - 1),
        occupancy=lambda wildcards: 3 if (wildcards.system, wildcards.iteration) == ("mono", "1") else 10,
    log:
        LOGS / "kaldi" / "estimate.{system}.{iteration}.log",
    shell:
        "{RECIPES}/est_gmm.sh {input.model} {params.gaussians} {params.occupancy} {output} {input.acc} 2> {log}"


rule kaldi_align:
    input:
        unpack(lambda wildcards: kaldi_seen_last(wildcards.system, wildcards.split, wildcards.shard)),
        shard=SHARD,
        cmvn=CMVN,
        graphs=K / "{system}" / "graphs" / "{split}" / "{shard}.gz",
        model=lambda wildcards: kaldi_final(wildcards.system),
        lang=DATA / "L.fst",
    output:
        K / "{system}" / "ali" / "{split}" / "{shard}.gz",
    params:
        mfcc=subpath(input.cmvn, parent=True),
        data=subpath(input.lang, parent=True),
        view=kaldi_view,
    log:
        LOGS / "kaldi" / "align.{system}.{split}.{shard}.log",
    shell:
        "{params.view} {RECIPES}/align_gmm.sh {params.data} {params.mfcc} {input.shard} {input.graphs}"
        " {input.model} 10 {WIDEST} {output} 2> {log}"


rule kaldi_tree_stats:
    input:
        unpack(lambda wildcards: kaldi_seen(wildcards.system, 1, wildcards.shard)),
        shard=TRAIN_SHARD,
        cmvn=TRAIN_CMVN,
        ali=lambda wildcards: K / BEFORE[wildcards.system] / "ali" / ACOUSTIC / f"{wildcards.shard}.gz",
        model=lambda wildcards: kaldi_final(BEFORE[wildcards.system]),
    output:
        K / "{system}" / "stats" / "{shard}",
    params:
        mfcc=subpath(input.cmvn, parent=True),
        view=kaldi_view,
    log:
        LOGS / "kaldi" / "tree_stats.{system}.{shard}.log",
    shell:
        "{params.view} {RECIPES}/tree_stats.sh {TRAIN} {params.mfcc} {input.shard} {input.ali} {input.model}"
        " {output} 2> {log}"


rule kaldi_tri_init:
    input:
        expand(f"{K}/{{{{system}}}}/stats/{{shard}}", shard=SHARDS),
    output:
        K / "{system}" / "tree",
        K / "{system}" / "1.mdl",
    wildcard_constraints:
        system="tri|lda|sat",
    params:
        out=subpath(output[0], parent=True),
    log:
        LOGS / "kaldi" / "tri_init.{system}.log",
    shell:
        "{RECIPES}/tri_init.sh {TRAIN} {ENGINE[tri_leaves]} {params.out} {input} 2> {log}"


rule kaldi_phones:
    input:
        model=kaldi_final(LAST_GMM),
        ali=expand(f"{K}/{LAST_GMM}/ali/{{{{split}}}}/{{shard}}.gz", shard=SHARDS),
    output:
        K / LAST_GMM / "phones" / "{split}.lengths",
    params:
        stem=lambda wildcards, output: str(output[0]).removesuffix(".lengths"),
    log:
        LOGS / "kaldi" / "phones.{split}.log",
    shell:
        "{RECIPES}/phones.sh {input.model} {params.stem} {input.ali} 2> {log}"


include: "kaldi_transforms.smk"
