# The GMMs of the kaldi engine, see kaldi.smk: monophones, triphones on deltas, on LDA+MLLT, and on
# transforms of speakers (SAT). Each starts from the alignment of the one before.
rule kaldi_gmm:
    """A whole system: all iterations over the shards that GMMs learn."""
    input:
        lang=K / "lang" / KALDI.plain / "L.fst",
        feats=[K / "mfcc13" / KALDI.plain / f"{shard}.scp" for shard in KALDI.gmm_shards],
        before=lambda w: KALDI.before(w.system),
    output:
        K / "{system}" / "final.mdl",
        K / "{system}" / "tree",
        K / "{system}" / "start.mdl",
    params:
        folders=folders("lang", "before", out=0),
        files=files("feats"),
        speakers=flags({"speakers": [K / "shards" / KALDI.plain / f"{s}.spk2utt" for s in KALDI.gmm_shards]}),
        options=lambda w: flags(KALDI.gmm_options(w.system)),
    threads: NEEDS.threads("kaldi_gmm")
    resources:
        **NEEDS.resources("kaldi_gmm"),
    log:
        LOGS / "kaldi" / "gmm" / "{system}.log",
    benchmark:
        BENCHMARKS / "kaldi" / "gmm.{system}.tsv"
    shell:
        "pyscorer kaldi_gmm --system {wildcards.system} {params.folders} {params.files}"
        " {params.speakers} {params.options} --jobs {threads} 2>&1 | tee {log:q}"


rule kaldi_align:
    """A shard of any dataset, by the last system."""
    input:
        feats=K / "mfcc13" / "{dataset}" / "{shard}.scp",
        cmvn=K / "mfcc13" / "{dataset}" / "{shard}.cmvn.scp",
        lang=LANG / "L.fst",
        model=K / KALDI.last_gmm / "final.mdl",
        before=KALDI.first_alignment,
    output:
        K / "ali" / "{dataset}" / "{shard}" / "ali.gz",
        K / "ali" / "{dataset}" / "{shard}" / "lengths",
        K / "ali" / "{dataset}" / "{shard}" / "tree_stats",
    params:
        system=KALDI.last_gmm,
        folders=folders("lang", "model", "before", out=0),
        files=files("feats"),
        speakers=lambda w: flags({"speakers": K / "shards" / w.dataset / f"{w.shard}.spk2utt"}),
    resources:
        **NEEDS.resources("kaldi_align"),
    log:
        LOGS / "kaldi" / "align" / "{dataset}" / "{shard}.log",
    shell:
        "pyscorer kaldi_align --system {params.system} {params.folders} {params.files}"
        " {params.speakers} 2>&1 | tee {log:q}"


rule kaldi_alignment:
    input:
        data=WORK / "data" / "{dataset}" / "utt2spk",
        lexicon=WORK / "data" / "{dataset}" / "lexicon.txt",
        lengths=lambda w: KALDI.ali(w.dataset, "lengths"),
    output:
        WORK / "ali" / "{dataset}" / "ali.scp",
        WORK / "ali" / "{dataset}" / "phones.ctm",
        WORK / "ali" / "{dataset}" / "words.ctm",
    wildcard_constraints:
        dataset="[^/]+/(?!train-sp)[^/]+",  # the copies of paper1 have their originals' alignments
    params:
        folders=folders("data", out=0),
        files=files("lexicon", "lengths"),
        options=flags(SPOKEN),
    resources:
        **NEEDS.resources("kaldi_alignment"),
    log:
        LOGS / "kaldi" / "alignment" / "{dataset}.log",
    shell:
        "pyscorer kaldi_alignment {params.folders} {params.files} {params.options} 2>&1 | tee {log:q}"


rule import_kaldi_gmm:
    """Monophones for the stages that read a final.npz: gop, bundle."""
    localrule: True
    input:
        model=K / "mono" / "final.mdl",
        tree=K / "mono" / "tree",
    output:
        WORK / "gmm" / "final.npz",
        WORK / "gmm" / "log.csv",
    params:
        folders=folders(out=0),
        files=files("model", "tree"),
    log:
        LOGS / "kaldi" / "import_gmm.log",
    shell:
        "pyscorer import_kaldi_gmm {params.files} {params.folders} 2>&1 | tee {log:q}"
