# The chain model of the kaldi engine; see kaldi.smk. An epoch is one pass over all egs, an iteration
# the egs of one shard; the frame shift changes from epoch to epoch.
CHAIN = K / "chain"


ruleorder: kaldi_model > train_tdnnf
ruleorder: kaldi_posteriors > export
ruleorder: kaldi_network > kaldi_train


rule kaldi_lattices:
    """`by`: the tree; of the statistics the alignment."""
    input:
        unpack(lambda w: KALDI.seen_last(KALDI.last_gmm, ACOUSTIC, w.shard)),
        shard=TRAIN_SHARD,
        cmvn=TRAIN_CMVN,
        model=KALDI.final(KALDI.last_gmm),
        by=K / KALDI.last_gmm / "tree",
    output:
        CHAIN / "lattices" / "{shard}.gz",
    params:
        data=TRAIN,
        mfcc=TRAIN_MFCC,
        view=transforms,
        script="lattices.sh",
    log:
        LOGS / "kaldi" / "lattices.{shard}.log",
    shell:
        "{params.view} {RECIPES:q}/{params.script} {params.data:q} {params.data:q} {params.mfcc:q}"
        " {input.shard:q} {input.model:q} {input.by:q} {output:q} 2>&1 | tee {log:q}"


use rule kaldi_lattices as kaldi_chain_tree_stats with:
    input:
        unpack(lambda w: KALDI.seen_last(KALDI.last_gmm, ACOUSTIC, w.shard)),
        shard=TRAIN_SHARD,
        cmvn=TRAIN_CMVN,
        model=KALDI.final(KALDI.last_gmm),
        by=K / KALDI.last_gmm / "ali" / ACOUSTIC / "{shard}.gz",
    output:
        CHAIN / "stats" / "{shard}",
    params:
        script="chain_tree_stats.sh",
    log:
        LOGS / "kaldi" / "chain_tree_stats.{shard}.log",


rule kaldi_chain_graphs:
    input:
        model=KALDI.final(KALDI.last_gmm),
        ali=KALDI.alis(ACOUSTIC),
        stats=expand(CHAIN / "stats" / "{shard}", shard=SHARDS),
    output:
        [CHAIN / name for name in ("tree", "0.trans_mdl", "phone_lm.fst", "den.fst", "normalization.fst")],
    params:
        data=TRAIN,
        out=subpath(output[0], parent=True),
        leaves=ENGINE["num_leaves"],
        alignments=in_one("ali"),
    log:
        LOGS / "kaldi" / "chain_graphs.log",
    shell:
        "{RECIPES:q}/chain_graphs.sh {params.data:q} {params.leaves} {input.model:q}"
        " {params.alignments:q}"
        " {params.out:q} {input.stats:q} 2>&1 | tee {log:q}"


rule kaldi_network:
    localrule: True
    input:
        CHAIN / "0.trans_mdl",
    output:
        CHAIN / "0.raw",
    params:
        network=ENGINE["network"],
        seed=config["seed"],
    log:
        LOGS / "kaldi" / "network.log",
    shell:
        "pyscorer kaldi_network --transitions {input:q} --network {params.network}"
        " --seed {params.seed} --out {output:q} 2>&1 | tee {log:q}"


rule kaldi_egs:
    input:
        graphs=CHAIN / "normalization.fst",
        model=KALDI.final(KALDI.last_gmm),
        lattices=lambda w: CHAIN / "lattices" / f"{KALDI.shard_of(w.part)}.gz",
        feats=lambda w: K / "mfcc40" / ACOUSTIC / f"{KALDI.shard_of(w.part)}.scp",
        learn=K / "shards" / ACOUSTIC / "{part}.learn",
        cmvn=K / "mfcc40" / ACOUSTIC / "cmvn" / "utterance.scp",
    output:
        CHAIN / "egs" / "{part}.cegs",
    wildcard_constraints:
        part=r"heldout|\d+",
    params:
        graphs=subpath(input.graphs, parent=True),
        context=KALDI.context,
        seed=config["seed"],
    log:
        LOGS / "kaldi" / "egs.{part}.log",
    shell:
        "{RECIPES:q}/egs.sh {params.graphs:q} {input.model:q} {input.lattices:q} {input.feats:q}"
        " {input.learn:q} {input.cmvn:q} {params.context} {params.seed} {output:q}"
        " 2>&1 | tee {log:q}"


rule kaldi_train:
    input:
        network=lambda w: KALDI.network_before(w.iteration),
        den=CHAIN / "den.fst",
        egs=lambda w: KALDI.egs(w.iteration),
    output:
        CHAIN / "{iteration}.raw",
    wildcard_constraints:
        iteration=r"[1-9]\d*",
    params:
        minibatch=ENGINE["minibatch"],
        gpu=ENGINE["gpu"],
        shift=lambda w: KALDI.shift(w.iteration),
        rate=lambda w: KALDI.learning_rate(w.iteration),
        seed=lambda w: config["seed"] + int(w.iteration),
    threads: NEEDS.threads("kaldi_train")
    resources:
        **NEEDS.resources("kaldi_train"),
        gpu=GPU,
    log:
        LOGS / "kaldi" / "train.{iteration}.log",
    shell:
        "{RECIPES:q}/train_chain.sh {input.den:q} {input.egs:q} {params.shift} {params.rate}"
        " {params.minibatch} {params.seed} {params.gpu} {input.network:q} {output:q}"
        " 2>&1 | tee {log:q}"


rule kaldi_combine:
    input:
        den=CHAIN / "den.fst",
        egs=expand(CHAIN / "egs" / "{shard}.cegs", shard=SHARDS),
        heldout=CHAIN / "egs" / "heldout.cegs",
        transitions=CHAIN / "0.trans_mdl",
        tree=CHAIN / "tree",
        phones=TRAIN / "L.fst",
        networks=KALDI.combined,
    output:
        CHAIN / "model" / "final.mdl",
        CHAIN / "model" / "tree",
    params:
        data=subpath(input.phones, parent=True),
        out=subpath(output[0], parent=True),
        gpu=ENGINE["gpu"],
        seed=config["seed"],
        egs=in_one("egs"),
    resources:
        gpu=GPU,
    log:
        LOGS / "kaldi" / "combine.log",
    shell:
        "{{ {RECIPES:q}/combine_chain.sh {input.den:q} {params.egs:q} {input.heldout:q}"
        " {input.transitions:q} {params.gpu} {params.seed} {output[0]:q} {input.networks:q};"
        " cp {input.tree:q} {output[1]:q}; cp {params.data:q}/phones.txt {params.out:q};"
        " cp {RECIPES:q}/conf/mfcc40.conf {params.out:q}/mfcc.conf; }} 2>&1 | tee {log:q}"


rule kaldi_model:
    """The trained model for the stages that read a final.pt: decode, bundle, score, report."""
    localrule: True
    input:
        CHAIN / "model" / "final.mdl",
    output:
        WORK / "tdnnf" / "final.pt",
    params:
        folders=folders(out=0),
    log:
        LOGS / "kaldi" / "model.log",
    shell:
        "pyscorer import_kaldi --model {input:q} {params.folders} 2>&1 | tee {log:q}"


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
        gpu=ENGINE["gpu"],
        stem=subpath(output[0], strip_suffix=".scp"),
    resources:
        gpu=GPU,
    log:
        LOGS / "kaldi" / "compute.{split}.{node}.{shard}.log",
    shell:
        "{RECIPES:q}/export.sh {input.model:q} {input.feats:q} {input.cmvn:q} {wildcards.node}"
        " {params.gpu} {params.stem:q} 2>&1 | tee {log:q}"


rule kaldi_posteriors:
    input:
        model=CHAIN / "model" / "final.mdl",
        posteriors=expand(K / "computed" / "{split}" / "output-xent.{shard}.scp", shard=SHARDS, allow_missing=True),
        embeddings=expand(K / "computed" / "{split}" / "prefinal-l.{shard}.scp", shard=SHARDS, allow_missing=True),
    output:
        WORK / "deep" / CORPUS / "{split}" / "embed.scp",
        WORK / "deep" / CORPUS / "{split}" / "post.scp",
        WORK / "deep" / CORPUS / "{split}" / "frame_shift",
    params:
        folders=folders(out=0),
        files=files("model", "posteriors", "embeddings"),
    log:
        LOGS / "kaldi" / "posteriors.{split}.log",
    shell:
        "pyscorer kaldi_posteriors {params.files} {params.folders} 2>&1 | tee {log:q}"
