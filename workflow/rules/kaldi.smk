# The kaldi engine: kaldi_recipes/ in the place of features, train_gmm, align, chain_graphs,
# train_tdnnf and export. NOT YET RUN on Kaldi's programs: see docs/kaldi.md. Everything that can be
# is cut into shards, which Snakemake spreads over cores or a cluster.
from pyscorer.acoustic.kaldi_binaries import check_binaries

RECIPES = Path(workflow.current_basedir).parent.parent / "kaldi_recipes"
try:
    check_binaries(RECIPES)
except InputError as error:
    sys.exit(f"error: engine kaldi: {error}")

ENGINE = {
    "jobs": 4, "gpu": "no", "mono_iterations": 40, "tri_iterations": 35, "gaussians": 1000,
    "tri_gaussians": 10000, "tri_leaves": 1500, "num_leaves": 250, "epochs": 10, "network": "medium",
    "learning_rate": 0.001, "final_learning_rate": 0.0001, "combine": 10,
} | config.get("kaldi", {})
K = WORK / "kaldi"
LANG, DATA = K / "lang" / CORPUS / "{split}", K / "lang" / CORPUS / "{split}"
TRAIN = K / "lang" / CORPUS / "train"
SHARDS = [f"{number:03d}" for number in range(ENGINE["jobs"])]
REALIGN = {"mono": {*range(1, 11), *range(12, 21, 2), 23, 26, 29, 32, 35, 38}, "tri": {10, 20, 30}}
ITERATIONS = {"mono": ENGINE["mono_iterations"], "tri": ENGINE["tri_iterations"]}
CHAIN_ITERATIONS = 3 * ENGINE["epochs"]  # one pass over the data for each frame shift


wildcard_constraints:
    shard=r"\d+",
    iteration=r"\d+",
    system="mono|tri",


ruleorder: kaldi_cmvn > features
ruleorder: kaldi_alignment > align
ruleorder: kaldi_model > train_tdnnf
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
        " --out {params.out} 2> {log}"


rule kaldi_shards:
    input:
        DATA / "wav.scp",
    output:
        expand(f"{K}/shards/{{{{split}}}}/{{shard}}.scp", shard=SHARDS),
    run:
        lines = Path(input[0]).read_text().splitlines(keepends=True)
        for number, path in enumerate(output):
            begin, end = (len(lines) * n // len(output) for n in (number, number + 1))
            Path(path).write_text("".join(lines[begin:end]))


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
        "cat {input.feats} > {output.feats};"
        " {RECIPES}/cmvn.sh {output.feats} {input.spk2utt} {params.speaker} 2> {log};"
        " {RECIPES}/cmvn.sh {output.feats} <(awk '{{print $1, $1}}' {output.feats})"
        " {params.utterance} 2>> {log}"


rule kaldi_mono_init:
    input:
        feats=WORK / "mfcc13" / CORPUS / "train" / "cmvn.scp",
        lang=TRAIN / "L.fst",
    output:
        K / "mono" / "0.mdl",
        K / "mono" / "tree",
    params:
        mfcc=subpath(input.feats, parent=True),
    log:
        LOGS / "kaldi" / "mono_init.log",
    shell:
        "{RECIPES}/mono_init.sh {TRAIN} {TRAIN} {params.mfcc} {K}/mfcc13/train/000.scp {K}/mono 2> {log}"


rule kaldi_graphs:
    input:
        K / "mfcc13" / "{split}" / "{shard}.scp",
        K / "{system}" / "tree",
        lambda wildcards: K / wildcards.system / ("0.mdl" if wildcards.system == "mono" else "1.mdl"),
        lang=LANG / "L.fst",
    output:
        K / "{system}" / "graphs" / "{split}" / "{shard}.gz",
    log:
        LOGS / "kaldi" / "graphs.{system}.{split}.{shard}.log",
    shell:
        "{RECIPES}/graphs.sh $(dirname {input.lang}) $(dirname {input.lang}) {input[0]} {input[2]}"
        " {input[1]} {output} 2> {log}"


rule kaldi_align_equal:
    input:
        shard=K / "mfcc13" / "train" / "{shard}.scp",
        mfcc=WORK / "mfcc13" / CORPUS / "train" / "cmvn.scp",
        graphs=K / "mono" / "graphs" / "train" / "{shard}.gz",
    output:
        K / "mono" / "start" / "{shard}.gz",
    params:
        mfcc=subpath(input.mfcc, parent=True),
    log:
        LOGS / "kaldi" / "align_equal.{shard}.log",
    shell:
        "{RECIPES}/align_equal.sh {TRAIN} {params.mfcc} {input.shard} {input.graphs} {output} 2> {log}"


rule kaldi_convert_ali:
    input:
        old=K / "mono" / "final.mdl",
        ali=K / "mono" / "ali" / "train" / "{shard}.gz",
        new=K / "tri" / "1.mdl",
        tree=K / "tri" / "tree",
    output:
        K / "tri" / "start" / "{shard}.gz",
    log:
        LOGS / "kaldi" / "convert_ali.{shard}.log",
    shell:
        "{RECIPES}/convert_ali.sh {input.old} {input.new} {input.tree} {input.ali} {output} 2> {log}"


def kaldi_latest_alignment(system, iteration, shard):
    """The alignment that iteration `iteration` of a GMM learns from."""
    realigned = [i for i in REALIGN[system] if i <= iteration]
    if not realigned:
        return K / system / "start" / f"{shard}.gz"
    return K / system / "realigned" / f"{max(realigned)}.{shard}.gz"


rule kaldi_realign:
    input:
        shard=K / "mfcc13" / "train" / "{shard}.scp",
        mfcc=WORK / "mfcc13" / CORPUS / "train" / "cmvn.scp",
        graphs=K / "{system}" / "graphs" / "train" / "{shard}.gz",
        model=K / "{system}" / "{iteration}.mdl",
    output:
        K / "{system}" / "realigned" / "{iteration}.{shard}.gz",
    params:
        mfcc=subpath(input.mfcc, parent=True),
        beam=lambda wildcards: 6 if (wildcards.system, wildcards.iteration) == ("mono", "1") else 10,
    log:
        LOGS / "kaldi" / "realign.{system}.{iteration}.{shard}.log",
    shell:
        "{RECIPES}/align_gmm.sh {TRAIN} {params.mfcc} {input.shard} {input.graphs} {input.model}"
        " {params.beam} 40 {output} 2> {log}"


rule kaldi_accumulate:
    input:
        shard=K / "mfcc13" / "train" / "{shard}.scp",
        mfcc=WORK / "mfcc13" / CORPUS / "train" / "cmvn.scp",
        model=K / "{system}" / "{iteration}.mdl",
        ali=lambda wildcards: kaldi_latest_alignment(wildcards.system, int(wildcards.iteration), wildcards.shard),
    output:
        temp(K / "{system}" / "acc" / "{iteration}.{shard}"),
    params:
        mfcc=subpath(input.mfcc, parent=True),
    log:
        LOGS / "kaldi" / "acc.{system}.{iteration}.{shard}.log",
    shell:
        "{RECIPES}/acc_gmm.sh {TRAIN} {params.mfcc} {input.shard} {input.ali} {input.model} {output} 2> {log}"


def kaldi_gaussians(system, iteration):
    """Gaussians after an iteration: a straight line over the first three quarters, as in Kaldi."""
    last, start = ITERATIONS[system] * 3 // 4, 127 if system == "mono" else ENGINE["tri_leaves"]
    goal = ENGINE["gaussians"] if system == "mono" else ENGINE["tri_gaussians"]
    return start + max(goal - start, 0) * min(iteration, last) // last


for kaldi_system, kaldi_first in (("mono", 0), ("tri", 1)):
    for kaldi_iteration in range(kaldi_first, ITERATIONS[kaldi_system]):

        rule:
            name: f"kaldi_estimate_{kaldi_system}_{kaldi_iteration}"
            input:
                model=K / kaldi_system / f"{kaldi_iteration}.mdl",
                acc=expand(f"{K}/{kaldi_system}/acc/{kaldi_iteration}.{{shard}}", shard=SHARDS),
            output:
                K / kaldi_system / f"{kaldi_iteration + 1}.mdl",
            params:
                gaussians=kaldi_gaussians(kaldi_system, kaldi_iteration),
                occupancy=3 if (kaldi_system, kaldi_iteration) == ("mono", 0) else 10,
            log:
                LOGS / "kaldi" / f"estimate.{kaldi_system}.{kaldi_iteration}.log",
            shell:
                "{RECIPES}/est_gmm.sh {input.model} {params.gaussians} {params.occupancy} {output} {input.acc} 2> {log}"


rule kaldi_final_gmm:
    input:
        lambda wildcards: K / wildcards.system / f"{ITERATIONS[wildcards.system]}.mdl",
    output:
        K / "{system}" / "final.mdl",
    shell:
        "cp {input} {output}"


rule kaldi_align:
    input:
        shard=K / "mfcc13" / "{split}" / "{shard}.scp",
        mfcc=WORK / "mfcc13" / CORPUS / "{split}" / "cmvn.scp",
        graphs=K / "{system}" / "graphs" / "{split}" / "{shard}.gz",
        model=K / "{system}" / "final.mdl",
    output:
        K / "{system}" / "ali" / "{split}" / "{shard}.gz",
    params:
        mfcc=subpath(input.mfcc, parent=True),
        data=lambda wildcards: K / "lang" / CORPUS / wildcards.split,
    log:
        LOGS / "kaldi" / "align.{system}.{split}.{shard}.log",
    shell:
        "{RECIPES}/align_gmm.sh {params.data} {params.mfcc} {input.shard} {input.graphs} {input.model}"
        " 10 40 {output} 2> {log}"


rule kaldi_tree_stats:
    input:
        shard=K / "mfcc13" / "train" / "{shard}.scp",
        mfcc=WORK / "mfcc13" / CORPUS / "train" / "cmvn.scp",
        ali=K / "mono" / "ali" / "train" / "{shard}.gz",
        model=K / "mono" / "final.mdl",
    output:
        K / "tri" / "stats" / "{shard}",
    params:
        mfcc=subpath(input.mfcc, parent=True),
    log:
        LOGS / "kaldi" / "tree_stats.{shard}.log",
    shell:
        "{RECIPES}/tree_stats.sh {TRAIN} {params.mfcc} {input.shard} {input.ali} {input.model} {output} 2> {log}"


rule kaldi_tri_init:
    input:
        expand(f"{K}/tri/stats/{{shard}}", shard=SHARDS),
    output:
        K / "tri" / "tree",
        K / "tri" / "1.mdl",
    log:
        LOGS / "kaldi" / "tri_init.log",
    shell:
        "{RECIPES}/tri_init.sh {TRAIN} {ENGINE[tri_leaves]} {K}/tri {input} 2> {log}"


rule kaldi_phones:
    input:
        model=K / "tri" / "final.mdl",
        ali=expand(f"{K}/tri/ali/{{{{split}}}}/{{shard}}.gz", shard=SHARDS),
    output:
        K / "tri" / "phones" / "{split}.lengths",
    params:
        stem=lambda wildcards, output: str(output[0]).removesuffix(".lengths"),
    log:
        LOGS / "kaldi" / "phones.{split}.log",
    shell:
        "{RECIPES}/phones.sh {input.model} {params.stem} {input.ali} 2> {log}"


rule kaldi_alignment:
    input:
        text=WORK / "data" / CORPUS / "{split}" / "text",
        lengths=K / "tri" / "phones" / "{split}.lengths",
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
        " --lengths {input.lengths} --out {params.out} 2> {log}"


include: "kaldi_chain.smk"
