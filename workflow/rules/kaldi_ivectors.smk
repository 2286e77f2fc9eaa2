# i-vectors for the network of the kaldi engine, see kaldi_chain.smk. The trained model is then one of
# those that import_published takes: its wiring is not that of our own TDNN-F.
ruleorder: kaldi_posteriors > export_published


rule kaldi_ivector_extractor:
    """UBM and extractor, on the shards that GMMs learn, at the network's volumes."""
    input:
        feats=[K / "mfcc40" / KALDI.learnt / f"{shard}.scp" for shard in KALDI.gmm_shards],
        cmvn=[K / "mfcc40" / KALDI.learnt / f"{shard}.cmvn.scp" for shard in KALDI.gmm_shards],
    output:
        KALDI.extractor / "final.ie",
    params:
        folders=folders(out=0),
        files=files("feats"),
        options=flags(KALDI.extractor_options),
    threads: NEEDS.threads("kaldi_ivector_extractor")
    resources:
        **NEEDS.resources("kaldi_ivector_extractor"),
    log:
        LOGS / "kaldi" / "extractor.log",
    benchmark:
        BENCHMARKS / "kaldi" / "extractor.tsv"
    shell:
        "pyscorer kaldi_ivector_extractor {params.files} {params.folders} {params.options}"
        " --jobs {threads} 2>&1 | tee {log:q}"


rule kaldi_ivectors:
    input:
        extractor=KALDI.extractor / "final.ie",
        feats=K / "mfcc40" / "{dataset}" / "{shard}.scp",
    output:
        K / "ivectors" / "{dataset}" / "{shard}.scp",
    params:
        extractor=subpath(input.extractor, parent=True),
        stem=subpath(output[0], strip_suffix=".scp"),
    resources:
        **NEEDS.resources("kaldi_ivectors"),
    log:
        LOGS / "kaldi" / "ivectors" / "{dataset}" / "{shard}.log",
    shell:
        "{RECIPES:q}/ivectors.sh {params.extractor:q} {input.feats:q} {params.stem:q} 2>&1 | tee {log:q}"


rule kaldi_directory:
    """The trained model as Kaldi's directories are, for import_published."""
    input:
        model=CHAIN / "model" / "final.mdl",
        extractor=KALDI.extractor / "final.ie",
    output:
        CHAIN / "model" / "cmvn_opts",
        CHAIN / "model" / "frame_subsampling_factor",
        CHAIN / "model" / "ivector_extractor" / "final.ie",
    params:
        model=subpath(input.model, parent=True),
        extractor=subpath(input.extractor, parent=True),
    log:
        LOGS / "kaldi" / "directory.log",
    shell:
        "{{ cp -r {params.extractor:q} {params.model:q}; echo 3 > {output[1]:q};"
        " echo --norm-means=false > {output[0]:q}; }} 2>&1 | tee {log:q}"
