# The chain model of the kaldi engine; see kaldi.smk. An iteration is some jobs, each on the egs of
# other shards, and the average of their networks (pyscorer/kaldi/network_schedule.py).
from pyscorer.kaldi.iterations import with_ivectors

CHAIN = K / "chain"


ruleorder: kaldi_posteriors > export
ruleorder: kaldi_network > kaldi_average


rule kaldi_chain_graphs:
    input:
        lang=LEARNT / "L.fst",
        model=K / KALDI.last_gmm / "final.mdl",
        ali=KALDI.ali(KALDI.learnt, "ali.gz"),
        stats=KALDI.ali(KALDI.learnt, "tree_stats"),
    output:
        [CHAIN / name for name in ("tree", "0.trans_mdl", "phone_lm.fst", "den.fst", "normalization.fst")],
    params:
        lang=subpath(input.lang, parent=True),
        out=subpath(output[0], parent=True),
        leaves=ENGINE["num_leaves"],
        alignments=in_one("ali"),
    resources:
        **NEEDS.resources("kaldi_chain_graphs"),
    log:
        LOGS / "kaldi" / "chain_graphs.log",
    shell:
        "{RECIPES:q}/chain_graphs.sh {params.lang:q} {params.leaves} {input.model:q}"
        " {params.alignments:q} {params.out:q} {input.stats:q} 2>&1 | tee {log:q}"


rule kaldi_network:
    localrule: True
    input:
        transitions=CHAIN / "0.trans_mdl",
    output:
        temp(KALDI.network(0)),
    params:
        files=files("transitions"),
        options=flags(KALDI.network_options | {"seed": config["seed"]}),
    log:
        LOGS / "kaldi" / "network.log",
    shell:
        "pyscorer kaldi_network {params.files} {params.options} --out {output:q} 2>&1 | tee {log:q}"


rule kaldi_egs:
    """Numerator lattices of a part of the data, and the examples of it."""
    input:
        graphs=CHAIN / "normalization.fst",
        lang=LEARNT / "L.fst",
        model=K / KALDI.last_gmm / "final.mdl",
        ali=lambda w: K / "ali" / KALDI.learnt / KALDI.shard_of(w.part) / "ali.gz",
        mfcc=lambda w: K / "mfcc13" / KALDI.learnt / f"{KALDI.shard_of(w.part)}.scp",
        feats=lambda w: K / "mfcc40" / KALDI.learnt / f"{KALDI.shard_of(w.part)}.scp",
        ivectors=lambda w: KALDI.ivectors(KALDI.learnt, KALDI.shard_of(w.part)),
    output:
        temp(CHAIN / "egs" / "{part}.cegs"),
    wildcard_constraints:
        part=r"heldout|\d+",
    params:
        lang=subpath(input.lang, parent=True),
        graphs=subpath(input.graphs, parent=True),
        model=subpath(input.model, parent=True),
        view=lambda w: KALDI.view(KALDI.learnt, KALDI.shard_of(w.part)),
        ivectors=with_ivectors,
        learn=lambda w: K / "shards" / KALDI.learnt / f"{w.part}.learn",
        context=KALDI.context,
        seed=config["seed"],
    resources:
        **NEEDS.resources("kaldi_egs"),
    log:
        LOGS / "kaldi" / "egs" / "{part}.log",
    shell:
        "{{ {params.view} {RECIPES:q}/lattices.sh {params.lang:q} {params.lang:q} {input.mfcc:q}"
        " {params.learn:q} {input.model:q} {params.model:q}/tree {output:q}.lattices;"
        " {params.ivectors} {RECIPES:q}/egs.sh {params.graphs:q} {input.model:q} {output:q}.lattices {input.feats:q}"
        " {params.learn:q} {params.context} {params.seed} {output:q};"
        " rm {output:q}.lattices; }} 2>&1 | tee {log:q}"


rule kaldi_train:
    """A job of an iteration."""
    input:
        network=lambda w: KALDI.network(int(w.iteration) - 1),
        den=CHAIN / "den.fst",
        egs=lambda w: KALDI.egs(int(w.iteration), int(w.job)),
    output:
        temp(CHAIN / "jobs" / "{iteration}.{job}.raw"),
    params:
        how=lambda w: KALDI.job(int(w.iteration), config["seed"]),
        egs=lambda w: KALDI.shifted(int(w.iteration), int(w.job)),
    resources:
        **NEEDS.resources("kaldi_train"),
        gpu=GPU,
    log:
        LOGS / "kaldi" / "train" / "{iteration}.{job}.log",
    shell:
        "{RECIPES:q}/train_chain.sh {input.den:q} {input.network:q} {output:q} {params.how}"
        " {params.egs} 2>&1 | tee {log:q}"


rule kaldi_average:
    """The network of an iteration; the log tells its objective on held-out speakers."""
    input:
        den=CHAIN / "den.fst",
        heldout=CHAIN / "egs" / "heldout.cegs",
        networks=lambda w: KALDI.of_jobs(int(w.iteration)),
    output:
        temp(CHAIN / "networks" / "{iteration}.raw"),
    wildcard_constraints:
        iteration=r"[1-9]\d*",
    resources:
        **NEEDS.resources("kaldi_average"),
    log:
        LOGS / "kaldi" / "average" / "{iteration}.log",
    shell:
        "{RECIPES:q}/average_chain.sh {input.den:q} {input.heldout:q} {wildcards.iteration}"
        " {output:q} {input.networks:q} 2>&1 | tee {log:q}"


rule kaldi_combine:
    input:
        den=CHAIN / "den.fst",
        egs=[CHAIN / "egs" / f"{shard}.cegs" for shard in KALDI.shards(KALDI.learnt)],
        heldout=CHAIN / "egs" / "heldout.cegs",
        transitions=CHAIN / "0.trans_mdl",
        tree=CHAIN / "tree",
        phones=LEARNT / "L.fst",
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
        **NEEDS.resources("kaldi_combine"),
        gpu=GPU,
    log:
        LOGS / "kaldi" / "combine.log",
    shell:
        "{{ {RECIPES:q}/combine_chain.sh {input.den:q} {params.egs:q} {input.heldout:q}"
        " {input.transitions:q} {params.gpu} {params.seed} {output[0]:q} {input.networks:q};"
        " cp {input.tree:q} {output[1]:q}; cp {params.data:q}/phones.txt {params.out:q};"
        " cp {RECIPES:q}/conf/mfcc40.conf {params.out:q}/mfcc.conf; }} 2>&1 | tee {log:q}"


if not PLAN.acoustic.published:

    ruleorder: kaldi_model > train_tdnnf


rule kaldi_model:
    """The trained model for the stages that read a final.pt: decode, bundle, score, report."""
    localrule: True
    input:
        model=CHAIN / "model" / "final.mdl",
    output:
        WORK / "tdnnf" / "final.pt",
    params:
        folders=folders(out=0),
        files=files("model"),
    log:
        LOGS / "kaldi" / "model.log",
    shell:
        "pyscorer import_kaldi {params.files} {params.folders} 2>&1 | tee {log:q}"


rule kaldi_compute:
    """Deep features and posteriors over pdfs of a shard."""
    input:
        model=CHAIN / "model" / "final.mdl",
        feats=K / "mfcc40" / "{dataset}" / "{shard}.scp",
        cmvn=K / "mfcc40" / "{dataset}" / "{shard}.utterance.scp",
        ivectors=lambda w: KALDI.ivectors(w.dataset, w.shard),
    output:
        temp(K / "computed" / "{dataset}" / "{shard}.output-xent.scp"),
        temp(K / "computed" / "{dataset}" / "{shard}.output-xent.ark"),
        temp(K / "computed" / "{dataset}" / "{shard}.prefinal-l.scp"),
        temp(K / "computed" / "{dataset}" / "{shard}.prefinal-l.ark"),
    params:
        gpu=ENGINE["gpu"],
        stem=subpath(output[0], strip_suffix=".output-xent.scp"),
        ivectors=with_ivectors,
    resources:
        **NEEDS.resources("kaldi_compute"),
        gpu=GPU,
    log:
        LOGS / "kaldi" / "compute" / "{dataset}" / "{shard}.log",
    shell:
        "for node in output-xent prefinal-l; do {params.ivectors} {RECIPES:q}/export.sh {input.model:q}"
        " {input.feats:q} $node {params.gpu} {params.stem:q}.$node; done 2>&1 | tee {log:q}"


rule kaldi_posteriors:
    input:
        model=CHAIN / "model" / "final.mdl",
        posteriors=lambda w: KALDI.computed(w.dataset, "output-xent"),
        embeddings=lambda w: KALDI.computed(w.dataset, "prefinal-l"),
        read=lambda w: KALDI.archives(w.dataset),
    output:
        WORK / "deep" / "{dataset}" / "embed.scp",
        WORK / "deep" / "{dataset}" / "post.scp",
        WORK / "deep" / "{dataset}" / "frame_shift",
    params:
        folders=folders(out=0),
        files=files("model", "posteriors", "embeddings"),
    resources:
        **NEEDS.resources("kaldi_posteriors"),
    log:
        LOGS / "kaldi" / "posteriors" / "{dataset}.log",
    shell:
        "pyscorer kaldi_posteriors {params.files} {params.folders} 2>&1 | tee {log:q}"


if ENGINE["ivectors"]:

    include: "kaldi_ivectors.smk"
