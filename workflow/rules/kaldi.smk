# The kaldi engine: kaldi_recipes/ in the place of features, align, chain_graphs, train_tdnnf and
# export (docs/kaldi.md). Every dataset is cut into shards of whole speakers, which Snakemake spreads
# over cores or a cluster; a GMM system is one job. What learns from what: pyscorer/kaldi/iterations.py.
KALDI = PLAN.kaldi
ENGINE = KALDI.settings
K = WORK / "kaldi"
LANG, LEARNT = K / "lang" / "{dataset}", K / "lang" / KALDI.learnt
SPOKEN = {
    "canonical": config.get("align", {}).get("canonical", False),
    "word_positions": ENGINE["word_positions"],
}
GPU = int(ENGINE["gpu"] != "no")


wildcard_constraints:
    dataset="[^/]+/[^/]+",
    shard=r"\d+",
    iteration=r"\d+",
    job=r"\d+",
    system="mono|tri|lda|sat",


ruleorder: kaldi_feats > features
ruleorder: kaldi_alignment > align
ruleorder: import_kaldi_gmm > train_gmm


rule kaldi_perturb:
    """Copies at another speed for the network to learn."""
    input:
        data=WORK / "data" / "{dataset}" / "utt2spk",
        lexicon=WORK / "data" / "{dataset}" / "lexicon.txt",
    output:
        K / "sp{speed}" / "{dataset}" / "utt2spk",
        K / "sp{speed}" / "{dataset}" / "lexicon.txt",
    wildcard_constraints:
        speed=r"[0-9.]+",
    params:
        folders=folders("data", out=0),
    threads: NEEDS.threads("perturb")
    resources:
        **NEEDS.resources("perturb"),
    log:
        LOGS / "kaldi" / "perturb" / "{speed}" / "{dataset}.log",
    shell:
        "pyscorer perturb {params.folders} --speed {wildcards.speed} --lowest-volume 1"
        " --highest-volume 1 --jobs {threads} 2>&1 | tee {log:q}"


rule kaldi_lang:
    input:
        data=lambda w: [d / "utt2spk" for d in KALDI.data(w.dataset, WORK / "data")],
        lexicon=lambda w: [d / "lexicon.txt" for d in KALDI.data(w.dataset, WORK / "data")],
    output:
        [LANG / name for name in ("L.fst", "topo", "topo.chain", "text.int", "spk2utt", "wav.scp", "louder.scp")],
    params:
        folders=folders("data", out=0),
        lexicon=files("lexicon"),
        options=lambda w: flags(SPOKEN | {"volumes": KALDI.volumes(w.dataset)}),
    resources:
        **NEEDS.resources("kaldi_lang"),
    log:
        LOGS / "kaldi" / "lang" / "{dataset}.log",
    shell:
        "pyscorer kaldi_lang {params.folders} {params.lexicon} {params.options} 2>&1 | tee {log:q}"


rule kaldi_shards:
    """Speakers of the network's last shard are held out, to measure it on."""
    localrule: True
    input:
        lang=LANG / "wav.scp",
        spk2utt=LANG / "spk2utt",
    output:
        out=directory(K / "shards" / "{dataset}"),
    params:
        jobs=lambda w: len(KALDI.shards(w.dataset)),
        folders=folders("lang"),
        heldout=lambda w: KALDI.heldout(w.dataset),
    log:
        LOGS / "kaldi" / "shards" / "{dataset}.log",
    shell:
        "pyscorer kaldi_shards {params.folders} --out {output.out:q} --jobs {params.jobs}"
        " --heldout {params.heldout} 2>&1 | tee {log:q}"


rule kaldi_features:
    """Of the shard's recordings; mfcc40 at the volumes that the network hears."""
    input:
        shards=K / "shards" / "{dataset}",
    output:
        K / "{kind}" / "{dataset}" / "{shard}.scp",
        K / "{kind}" / "{dataset}" / "{shard}.cmvn.scp",
        K / "{kind}" / "{dataset}" / "{shard}.utterance.scp",
    params:
        sound=lambda w: "louder" if w.kind == "mfcc40" else "scp",
        stem=subpath(output[0], strip_suffix=".scp"),
    resources:
        **NEEDS.resources("kaldi_features"),
    log:
        LOGS / "kaldi" / "features" / "{dataset}" / "{kind}.{shard}.log",
    shell:
        "{RECIPES:q}/features.sh {wildcards.kind} {input.shards:q}/{wildcards.shard}.{params.sound}"
        " {input.shards:q}/{wildcards.shard}.spk2utt {params.stem:q} 2>&1 | tee {log:q}"


rule kaldi_feats:
    """The shards as the stages read a dataset."""
    localrule: True
    input:
        feats=lambda w: [K / w.kind / w.dataset / f"{s}.scp" for s in KALDI.shards(w.dataset)],
        cmvn=lambda w: [K / w.kind / w.dataset / f"{s}.cmvn.scp" for s in KALDI.shards(w.dataset)],
    output:
        WORK / "{kind}" / "{dataset}" / "feats.scp",
        WORK / "{kind}" / "{dataset}" / "cmvn.scp",
    log:
        LOGS / "kaldi" / "feats" / "{dataset}" / "{kind}.log",
    shell:
        "{{ LC_ALL=C sort {input.feats:q} > {output[0]:q}; LC_ALL=C sort {input.cmvn:q} > {output[1]:q}; }}"
        " 2>&1 | tee {log:q}"


include: "kaldi_gmm.smk"


if "acoustic_model" not in config:

    include: "kaldi_chain.smk"

    if "kaldi_decode" in config:

        include: "kaldi_decode.smk"
