# The kaldi engine: kaldi_recipes/ in the place of features, align, chain_graphs, train_tdnnf and
# export (docs/kaldi.md). Everything that can be is cut into shards of whole speakers, which Snakemake
# spreads over cores or a cluster. What an iteration starts from: pyscorer/kaldi/iterations.py.
from pyscorer.kaldi.iterations import BEFORE, transforms

KALDI = PLAN.kaldi
ENGINE, SHARDS, ACOUSTIC = KALDI.settings, KALDI.shards, KALDI.split
K = WORK / "kaldi"
DATA, TRAIN = K / "lang" / CORPUS / "{split}", K / "lang" / CORPUS / ACOUSTIC
CANONICAL = flags({"canonical": config.get("align", {}).get("canonical", False)})
GPU = int(ENGINE["gpu"] != "no")


wildcard_constraints:
    shard=r"\d+",
    iteration=r"\d+",
    system="mono|tri|lda|sat",


ruleorder: kaldi_cmvn > features
ruleorder: kaldi_alignment > align
ruleorder: import_kaldi_gmm > train_gmm


rule kaldi_lang:
    localrule: True
    input:
        data=WORK / "data" / CORPUS / "{split}" / "utt2spk",
        lexicon=WORK / "data" / CORPUS / "{split}" / "lexicon.txt",
    output:
        [DATA / name for name in ("L.fst", "topo", "topo.chain", "text.int", "spk2utt", "wav.scp")],
    params:
        canonical=CANONICAL,
        folders=folders("data", out=0),
    log:
        LOGS / "kaldi" / "lang.{split}.log",
    shell:
        "pyscorer kaldi_lang {params.folders} --lexicon {input.lexicon:q} {params.canonical}"
        " 2>&1 | tee {log:q}"


rule kaldi_shards:
    """Speakers of the acoustic model's last shard are held out, to measure the network on."""
    localrule: True
    input:
        lang=DATA / "wav.scp",
        spk2utt=DATA / "spk2utt",
    output:
        expand(K / "shards" / "{split}" / "{shard}.{kind}", shard=SHARDS, kind=["scp", "spk2utt", "learn"], allow_missing=True),
        K / "shards" / "{split}" / "heldout.learn",
    params:
        jobs=ENGINE["jobs"],
        folders=folders("lang", out=0),
        heldout=lambda w: KALDI.heldout(w.split),
    log:
        LOGS / "kaldi" / "shards.{split}.log",
    shell:
        "pyscorer kaldi_shards {params.folders} --jobs {params.jobs} --heldout {params.heldout}"
        " 2>&1 | tee {log:q}"


rule kaldi_features:
    input:
        K / "shards" / "{split}" / "{shard}.scp",
    output:
        K / "{kind}" / "{split}" / "{shard}.scp",
    params:
        stem=subpath(output[0], strip_suffix=".scp"),
    log:
        LOGS / "kaldi" / "features.{split}.{kind}.{shard}.log",
    shell:
        "{RECIPES:q}/features.sh {wildcards.kind} {input:q} {params.stem:q} 2>&1 | tee {log:q}"


rule kaldi_cmvn:
    input:
        feats=expand(K / "{kind}" / "{split}" / "{shard}.scp", shard=SHARDS, allow_missing=True),
        spk2utt=DATA / "spk2utt",
    output:
        feats=WORK / "{kind}" / CORPUS / "{split}" / "feats.scp",
        cmvn=WORK / "{kind}" / CORPUS / "{split}" / "cmvn.scp",
        utterances=K / "{kind}" / "{split}" / "cmvn" / "utterance.scp",
    params:
        speaker=subpath(output.cmvn, strip_suffix=".scp"),
        utterance=subpath(output.utterances, strip_suffix=".scp"),
    log:
        LOGS / "kaldi" / "cmvn.{split}.{kind}.log",
    shell:
        "{{ LC_ALL=C sort {input.feats:q} > {output.feats:q};"
        " {RECIPES:q}/cmvn.sh {output.feats:q} {input.spk2utt:q} {params.speaker:q};"
        " {RECIPES:q}/cmvn.sh {output.feats:q} <(awk '{{print $1, $1}}' {output.feats:q})"
        " {params.utterance:q}; }} 2>&1 | tee {log:q}"


include: "kaldi_gmm.smk"


rule kaldi_alignment:
    input:
        data=WORK / "data" / CORPUS / "{split}" / "utt2spk",
        lexicon=WORK / "data" / CORPUS / "{split}" / "lexicon.txt",
        lengths=K / KALDI.last_gmm / "phones" / "{split}.lengths",
    output:
        WORK / "ali" / CORPUS / "{split}" / "ali.scp",
        WORK / "ali" / CORPUS / "{split}" / "phones.ctm",
        WORK / "ali" / CORPUS / "{split}" / "words.ctm",
    wildcard_constraints:
        split="(?!train-sp)[^/]+",  # the copies of paper1 have their originals' alignments
    params:
        canonical=CANONICAL,
        folders=folders("data", out=0),
    log:
        LOGS / "kaldi" / "alignment.{split}.log",
    shell:
        "pyscorer kaldi_alignment {params.folders} --lexicon {input.lexicon:q}"
        " --lengths {input.lengths:q} {params.canonical} 2>&1 | tee {log:q}"


rule import_kaldi_gmm:
    """Monophones for the stages that read a final.npz: gop, bundle."""
    localrule: True
    input:
        model=KALDI.final("mono"),
        tree=K / "mono" / "tree",
    output:
        WORK / "gmm" / "final.npz",
        WORK / "gmm" / "log.csv",
    params:
        folders=folders(out=0),
    log:
        LOGS / "kaldi" / "import_gmm.log",
    shell:
        "pyscorer import_kaldi_gmm --model {input.model:q} --tree {input.tree:q} {params.folders}"
        " 2>&1 | tee {log:q}"


if "acoustic_model" not in config:

    include: "kaldi_chain.smk"
