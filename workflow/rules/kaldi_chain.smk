# The chain model of the kaldi engine; see kaldi.smk. An epoch is one pass over all egs, an iteration
# the egs of one shard; the frame shift changes from epoch to epoch.
CHAIN = K / "chain"
EGS_CONTEXT = {"paper": 25, "medium": 25, "small": 13}[ENGINE["network"]]
"""Frames that the network needs on each side, and one for shifted frames."""
CHAIN_ITERATIONS = ENGINE["epochs"] * len(SHARDS)


ruleorder: kaldi_network > kaldi_train


rule kaldi_lattices:
    input:
        unpack(lambda wildcards: kaldi_seen_last(LAST_GMM, ACOUSTIC, wildcards.shard)),
        shard=TRAIN_SHARD,
        cmvn=TRAIN_CMVN,
        model=kaldi_final(LAST_GMM),
        tree=K / LAST_GMM / "tree",
    output:
        CHAIN / "lattices" / "{shard}.gz",
    params:
        mfcc=subpath(input.cmvn, parent=True),
        view=kaldi_view,
    log:
        LOGS / "kaldi" / "lattices.{shard}.log",
    shell:
        "{params.view} {RECIPES}/lattices.sh {TRAIN} {TRAIN} {params.mfcc} {input.shard} {input.model} {input.tree} {output} 2> {log}"


rule kaldi_chain_tree_stats:
    input:
        unpack(lambda wildcards: kaldi_seen_last(LAST_GMM, ACOUSTIC, wildcards.shard)),
        shard=TRAIN_SHARD,
        cmvn=TRAIN_CMVN,
        model=kaldi_final(LAST_GMM),
        ali=K / LAST_GMM / "ali" / ACOUSTIC / "{shard}.gz",
    output:
        CHAIN / "stats" / "{shard}",
    params:
        mfcc=subpath(input.cmvn, parent=True),
        view=kaldi_view,
    log:
        LOGS / "kaldi" / "chain_tree_stats.{shard}.log",
    shell:
        "{params.view} {RECIPES}/chain_tree_stats.sh {TRAIN} {TRAIN} {params.mfcc} {input.shard} {input.model} {input.ali} {output} 2> {log}"


rule kaldi_chain_graphs:
    input:
        model=kaldi_final(LAST_GMM),
        ali=expand(f"{K}/{LAST_GMM}/ali/{ACOUSTIC}/{{shard}}.gz", shard=SHARDS),
        stats=expand(f"{CHAIN}/stats/{{shard}}", shard=SHARDS),
    output:
        multiext(f"{CHAIN}/", "tree", "0.trans_mdl", "phone_lm.fst", "den.fst", "normalization.fst"),
    log:
        LOGS / "kaldi" / "chain_graphs.log",
    shell:
        "{RECIPES}/chain_graphs.sh {TRAIN} {ENGINE[num_leaves]} {input.model} '{input.ali}' {CHAIN} {input.stats} 2> {log}"


rule kaldi_network:
    input:
        CHAIN / "0.trans_mdl",
    output:
        CHAIN / "0.raw",
    log:
        LOGS / "kaldi" / "network.log",
    shell:
        "pyscorer kaldi_network --transitions {input} --network {ENGINE[network]}"
        " --seed {config[seed]} --out {output} 2> {log}"


def kaldi_egs_shard(part):
    return SHARDS[-1] if part == "heldout" else part


rule kaldi_egs:
    input:
        graphs=CHAIN / "normalization.fst",
        model=kaldi_final(LAST_GMM),
        lattices=lambda wildcards: CHAIN / "lattices" / f"{kaldi_egs_shard(wildcards.part)}.gz",
        feats=lambda wildcards: K / "mfcc40" / ACOUSTIC / f"{kaldi_egs_shard(wildcards.part)}.scp",
        learn=K / "shards" / ACOUSTIC / "{part}.learn",
        cmvn=K / "mfcc40" / ACOUSTIC / "cmvn" / "utterance.scp",
    output:
        CHAIN / "egs" / "{part}.cegs",
    wildcard_constraints:
        part=r"heldout|\d+",
    log:
        LOGS / "kaldi" / "egs.{part}.log",
    shell:
        "{RECIPES}/egs.sh {CHAIN} {input.model} {input.lattices} {input.feats} {input.learn}"
        " {input.cmvn} {EGS_CONTEXT} {config[seed]} {output} 2> {log}"


def kaldi_learning_rate(iteration):
    first, last = ENGINE["learning_rate"], ENGINE["final_learning_rate"]
    return first * (last / first) ** (iteration / max(CHAIN_ITERATIONS - 1, 1))


rule kaldi_train:
    input:
        network=lambda wildcards: CHAIN / f"{int(wildcards.iteration) - 1}.raw",
        den=CHAIN / "den.fst",
        egs=lambda wildcards: CHAIN / "egs" / f"{SHARDS[(int(wildcards.iteration) - 1) % len(SHARDS)]}.cegs",
    output:
        CHAIN / "{iteration}.raw",
    wildcard_constraints:
        iteration=r"[1-9]\d*",
    params:
        shift=lambda wildcards: (int(wildcards.iteration) - 1) // len(SHARDS) % 3,
        rate=lambda wildcards: kaldi_learning_rate(int(wildcards.iteration) - 1),
        seed=lambda wildcards: config["seed"] + int(wildcards.iteration),
    threads: workflow.cores
    resources:
        gpu=int(ENGINE["gpu"] != "no"),
    log:
        LOGS / "kaldi" / "train.{iteration}.log",
    shell:
        "{RECIPES}/train_chain.sh {input.den} {input.egs} {params.shift}"
        " {params.rate} {ENGINE[minibatch]} {params.seed} {ENGINE[gpu]} {input.network} {output} 2> {log}"


rule kaldi_combine:
    input:
        den=CHAIN / "den.fst",
        egs=expand(CHAIN / "egs" / "{shard}.cegs", shard=SHARDS),
        heldout=CHAIN / "egs" / "heldout.cegs",
        transitions=CHAIN / "0.trans_mdl",
        tree=CHAIN / "tree",
        phones=TRAIN / "L.fst",
        networks=[CHAIN / f"{i}.raw" for i in range(max(1, CHAIN_ITERATIONS - ENGINE["combine"] + 1), CHAIN_ITERATIONS + 1)],
    output:
        CHAIN / "model" / "final.mdl",
        CHAIN / "model" / "tree",
    resources:
        gpu=int(ENGINE["gpu"] != "no"),
    log:
        LOGS / "kaldi" / "combine.log",
    shell:
        "{RECIPES}/combine_chain.sh {input.den} '{input.egs}' {input.heldout} {input.transitions}"
        " {ENGINE[gpu]} {config[seed]} {output[0]} {input.networks} 2> {log};"
        " cp {input.tree} {output[1]}; cp {TRAIN}/phones.txt {CHAIN}/model;"
        " cp {RECIPES}/conf/mfcc40.conf {CHAIN}/model/mfcc.conf"


rule kaldi_model:
    """The trained model for the stages that read a final.pt: decode, bundle, score, report."""
    input:
        CHAIN / "model" / "final.mdl",
    output:
        WORK / "tdnnf" / "final.pt",
    params:
        out=subpath(output[0], parent=True),
    log:
        LOGS / "kaldi" / "model.log",
    shell:
        "pyscorer import_kaldi --model {input} --out {params.out} 2> {log}"


rule kaldi_compute:
    input:
        model=CHAIN / "model" / "final.mdl",
        feats=K / "mfcc40" / "{split}" / "{shard}.scp",
        cmvn=K / "mfcc40" / "{split}" / "cmvn" / "utterance.scp",
    output:
        K / "computed" / "{split}" / "{node}.{shard}.scp",
    wildcard_constraints:
        node="prefinal-l|output-xent",
    params:
        stem=lambda wildcards, output: str(output[0])[:-4],
    resources:
        gpu=int(ENGINE["gpu"] != "no"),
    log:
        LOGS / "kaldi" / "compute.{split}.{node}.{shard}.log",
    shell:
        "{RECIPES}/export.sh {input.model} {input.feats} {input.cmvn} {wildcards.node} {ENGINE[gpu]}"
        " {params.stem} 2> {log}"


rule kaldi_posteriors:
    input:
        model=CHAIN / "model" / "final.mdl",
        posteriors=expand(f"{K}/computed/{{{{split}}}}/output-xent.{{shard}}.scp", shard=SHARDS),
        embeddings=expand(f"{K}/computed/{{{{split}}}}/prefinal-l.{{shard}}.scp", shard=SHARDS),
    output:
        WORK / "deep" / CORPUS / "{split}" / "embed.scp",
        WORK / "deep" / CORPUS / "{split}" / "post.scp",
        WORK / "deep" / CORPUS / "{split}" / "frame_shift",
    params:
        out=subpath(output[0], parent=True),
    log:
        LOGS / "kaldi" / "posteriors.{split}.log",
    shell:
        "pyscorer kaldi_posteriors --model {input.model} --posteriors {input.posteriors}"
        " --embeddings {input.embeddings} --out {params.out} 2> {log}"
