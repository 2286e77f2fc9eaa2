# The kaldi engine: kaldi_recipes/ in the place of features, align, chain_graphs, train_tdnnf and
# export (docs/kaldi.md). Everything that can be is cut into shards of whole speakers, which Snakemake
# spreads over cores or a cluster.
from pyscorer.kaldi.binaries import check_binaries

RECIPES = Path(workflow.current_basedir).parent.parent / "kaldi_recipes"
try:
    check_binaries(RECIPES)
except InputError as error:
    sys.exit(f"error: engine kaldi: {error}")

ENGINE = {
    "jobs": 4, "gpu": "no", "gmm": "sat", "mono_iterations": 40, "tri_iterations": 35,
    "gaussians": 1000, "tri_gaussians": 10000, "tri_leaves": 1500, "num_leaves": 250, "epochs": 10,
    "minibatch": 64, "network": "medium", "learning_rate": 0.001, "final_learning_rate": 0.0001,
    "combine": 10, "heldout": 0.05,
} | config.get("kaldi", {})
K = WORK / "kaldi"
LANG, DATA = K / "lang" / CORPUS / "{split}", K / "lang" / CORPUS / "{split}"
if len(RUN.acoustic) > 1 or RUN.acoustic[0].split("/")[0] != CORPUS:
    sys.exit("error: engine kaldi: acoustic_data: only one split, and one of the corpus")
ACOUSTIC = RUN.acoustic[0].split("/")[1]
TRAIN = K / "lang" / CORPUS / ACOUSTIC
CANONICAL = flags({"canonical": config.get("align", {}).get("canonical", False)})
SHARDS = [f"{number:03d}" for number in range(ENGINE["jobs"])]
SHARDED = K / "shards" / "{split}"


wildcard_constraints:
    shard=r"\d+",
    iteration=r"\d+",
    system="mono|tri|lda|sat",


ruleorder: kaldi_cmvn > features
ruleorder: kaldi_alignment > align
ruleorder: kaldi_model > train_tdnnf
ruleorder: import_kaldi_gmm > train_gmm
ruleorder: kaldi_posteriors > export


rule kaldi_lang:
    input:
        WORK / "data" / CORPUS / "{split}" / "text",
    output:
        multiext(f"{LANG}/", "L.fst", "topo", "topo.chain", "text.int", "spk2utt", "wav.scp"),
    params:
        data=subpath(input[0], parent=True),
        out=subpath(output[0], parent=True),
    log:
        LOGS / "kaldi" / "lang.{split}.log",
    shell:
        "pyscorer kaldi_lang --data {params.data} --lexicon {params.data}/lexicon.txt"
        " --out {params.out} {CANONICAL} 2> {log}"


rule kaldi_shards:
    """Speakers of the acoustic model's last shard are held out, to measure the network on."""
    input:
        DATA / "wav.scp",
        DATA / "spk2utt",
    output:
        expand(f"{SHARDED}/{{shard}}.{{kind}}", shard=SHARDS, kind=["scp", "spk2utt", "learn"], allow_missing=True),
        SHARDED / "heldout.learn",
    params:
        lang=subpath(input[0], parent=True),
        out=subpath(output[0], parent=True),
        heldout=lambda wildcards: ENGINE["heldout"] if wildcards.split == ACOUSTIC else 0,
    log:
        LOGS / "kaldi" / "shards.{split}.log",
    shell:
        "pyscorer kaldi_shards --lang {params.lang} --out {params.out} --jobs {ENGINE[jobs]}"
        " --heldout {params.heldout} 2> {log}"


rule kaldi_features:
    input:
        K / "shards" / "{split}" / "{shard}.scp",
    output:
        K / "{kind}" / "{split}" / "{shard}.scp",
    log:
        LOGS / "kaldi" / "features.{split}.{kind}.{shard}.log",
    shell:
        "{RECIPES}/features.sh {wildcards.kind} {input} {K}/{wildcards.kind}/{wildcards.split}/{wildcards.shard} 2> {log}"


rule kaldi_cmvn:
    input:
        feats=expand(f"{K}/{{{{kind}}}}/{{{{split}}}}/{{shard}}.scp", shard=SHARDS),
        spk2utt=DATA / "spk2utt",
    output:
        feats=WORK / "{kind}" / CORPUS / "{split}" / "feats.scp",
        cmvn=WORK / "{kind}" / CORPUS / "{split}" / "cmvn.scp",
        utterances=K / "{kind}" / "{split}" / "cmvn" / "utterance.scp",
    params:
        speaker=lambda wildcards, output: str(output.cmvn)[:-4],
        utterance=lambda wildcards, output: str(output.utterances)[:-4],
    log:
        LOGS / "kaldi" / "cmvn.{split}.{kind}.log",
    shell:
        "LC_ALL=C sort {input.feats} > {output.feats};"
        " {RECIPES}/cmvn.sh {output.feats} {input.spk2utt} {params.speaker} 2> {log};"
        " {RECIPES}/cmvn.sh {output.feats} <(awk '{{print $1, $1}}' {output.feats})"
        " {params.utterance} 2>> {log}"


include: "kaldi_gmm.smk"


rule kaldi_alignment:
    input:
        text=WORK / "data" / CORPUS / "{split}" / "text",
        lengths=K / LAST_GMM / "phones" / "{split}.lengths",
    output:
        WORK / "ali" / CORPUS / "{split}" / "ali.scp",
        WORK / "ali" / CORPUS / "{split}" / "phones.ctm",
        WORK / "ali" / CORPUS / "{split}" / "words.ctm",
    params:
        data=subpath(input.text, parent=True),
        out=subpath(output[0], parent=True),
    log:
        LOGS / "kaldi" / "alignment.{split}.log",
    shell:
        "pyscorer kaldi_alignment --data {params.data} --lexicon {params.data}/lexicon.txt"
        " --lengths {input.lengths} --out {params.out} {CANONICAL} 2> {log}"


rule import_kaldi_gmm:
    """Monophones for the stages that read a final.npz: gop, bundle."""
    input:
        model=kaldi_final("mono"),
        tree=K / "mono" / "tree",
    output:
        WORK / "gmm" / "final.npz",
        WORK / "gmm" / "log.csv",
    params:
        out=subpath(output[0], parent=True),
    log:
        LOGS / "kaldi" / "import_gmm.log",
    shell:
        "pyscorer import_kaldi_gmm --model {input.model} --tree {input.tree} --out {params.out} 2> {log}"


include: "kaldi_chain.smk"
