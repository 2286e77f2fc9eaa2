# The chain model of the kaldi engine; see kaldi.smk. NOT YET RUN on Kaldi's programs.
CHAIN = K / "chain"
EGS_CONTEXT = {"paper": 25, "medium": 25, "small": 13}[ENGINE["network"]]
"""Frames that the network needs on each side, and one for shifted frames."""


rule kaldi_lattices:
    input:
        shard=K / "mfcc13" / "train" / "{shard}.scp",
        mfcc=WORK / "mfcc13" / CORPUS / "train" / "cmvn.scp",
        model=K / "tri" / "final.mdl",
        tree=K / "tri" / "tree",
    output:
        CHAIN / "lattices" / "{shard}.gz",
    params:
        mfcc=subpath(input.mfcc, parent=True),
    log:
        LOGS / "kaldi" / "lattices.{shard}.log",
    shell:
        "{RECIPES}/lattices.sh {TRAIN} {TRAIN} {params.mfcc} {input.shard} {input.model} {input.tree} {output} 2> {log}"


rule kaldi_chain_tree_stats:
    input:
        shard=K / "mfcc13" / "train" / "{shard}.scp",
        mfcc=WORK / "mfcc13" / CORPUS / "train" / "cmvn.scp",
        model=K / "tri" / "final.mdl",
        ali=K / "tri" / "ali" / "train" / "{shard}.gz",
    output:
        CHAIN / "stats" / "{shard}",
    params:
        mfcc=subpath(input.mfcc, parent=True),
    log:
        LOGS / "kaldi" / "chain_tree_stats.{shard}.log",
    shell:
        "{RECIPES}/chain_tree_stats.sh {TRAIN} {TRAIN} {params.mfcc} {input.shard} {input.model} {input.ali} {output} 2> {log}"


rule kaldi_chain_graphs:
    input:
        model=K / "tri" / "final.mdl",
        ali=expand(f"{K}/tri/ali/train/{{shard}}.gz", shard=SHARDS),
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


rule kaldi_egs:
    input:
        graphs=CHAIN / "normalization.fst",
        model=K / "tri" / "final.mdl",
        lattices=CHAIN / "lattices" / "{shard}.gz",
        feats=K / "mfcc40" / "train" / "{shard}.scp",
        cmvn=K / "mfcc40" / "train" / "cmvn" / "utterance.scp",
    output:
        CHAIN / "egs" / "{shard}.cegs",
    log:
        LOGS / "kaldi" / "egs.{shard}.log",
    shell:
        "{RECIPES}/egs.sh {CHAIN} {input.model} {input.lattices} {input.feats} {input.cmvn}"
        " {EGS_CONTEXT} {config[seed]} {output} 2> {log}"


for kaldi_iteration in range(CHAIN_ITERATIONS):

    rule:
        name: f"kaldi_train_{kaldi_iteration}"
        input:
            network=CHAIN / f"{kaldi_iteration}.raw",
            den=CHAIN / "den.fst",
            egs=CHAIN / "egs" / f"{SHARDS[kaldi_iteration % len(SHARDS)]}.cegs",
        output:
            CHAIN / f"{kaldi_iteration + 1}.raw",
        params:
            shift=kaldi_iteration % 3,
            rate=ENGINE["learning_rate"]
            * (ENGINE["final_learning_rate"] / ENGINE["learning_rate"])
            ** (kaldi_iteration / max(CHAIN_ITERATIONS - 1, 1)),
            seed=config["seed"] + kaldi_iteration,
        resources:
            gpu=int(ENGINE["gpu"] != "no"),
        log:
            LOGS / "kaldi" / f"train.{kaldi_iteration}.log",
        shell:
            "{RECIPES}/train_chain.sh {input.den} {input.egs} {params.shift} {params.rate} {params.seed}"
            " {ENGINE[gpu]} {input.network} {output} 2> {log}"


rule kaldi_combine:
    input:
        den=CHAIN / "den.fst",
        egs=CHAIN / "egs" / f"{SHARDS[-1]}.cegs",
        transitions=CHAIN / "0.trans_mdl",
        tree=CHAIN / "tree",
        phones=TRAIN / "L.fst",
        networks=[CHAIN / f"{i}.raw" for i in range(max(1, CHAIN_ITERATIONS - ENGINE["combine"] + 1), CHAIN_ITERATIONS + 1)],
    output:
        CHAIN / "model" / "final.mdl",
        CHAIN / "model" / "tree",
    log:
        LOGS / "kaldi" / "combine.log",
    shell:
        "{RECIPES}/combine_chain.sh {input.den} {input.egs} {input.transitions} {output[0]} {input.networks} 2> {log};"
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
    log:
        LOGS / "kaldi" / "compute.{split}.{node}.{shard}.log",
    shell:
        "{RECIPES}/export.sh {input.model} {input.feats} {input.cmvn} {wildcards.node} {params.stem} 2> {log}"


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
