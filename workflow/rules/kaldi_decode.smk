# Recognition by Kaldi's decoder, see kaldi.smk: where the configuration has a section kaldi_decode.
ruleorder: kaldi_decode > decode


rule kaldi_decode:
    input:
        data=WORK / "data" / "{dataset}" / "utt2spk",
        model=CHAIN / "model" / "final.mdl",
        graph=WORK / "decoding_graph",
        feats=lambda w: [K / "mfcc40" / w.dataset / f"{shard}.scp" for shard in KALDI.shards(w.dataset)],
        cmvn=lambda w: [K / "mfcc40" / w.dataset / f"{s}.utterance.scp" for s in KALDI.shards(w.dataset)],
        ivectors=lambda w: [file for shard in KALDI.shards(w.dataset) for file in KALDI.ivectors(w.dataset, shard)],
        arpa=config["kaldi_decode"].get("rescore_arpa", []),
    output:
        WORK / "decode" / "{dataset}" / "hyp.text",
        WORK / "decode" / "{dataset}" / "words.ctm",
        WORK / "decode" / "{dataset}" / "nbest.csv",
        WORK / "decode" / "{dataset}" / "decoder.json",
    params:
        folders=folders("data", out=0),
        files=files("model", "graph", "feats", "ivectors"),
        options=options("kaldi_decode"),
    threads: NEEDS.threads("kaldi_decode")
    resources:
        **NEEDS.resources("kaldi_decode"),
    log:
        LOGS / "kaldi" / "decode" / "{dataset}.log",
    benchmark:
        BENCHMARKS / "kaldi" / "decode" / "{dataset}.tsv"
    shell:
        "pyscorer kaldi_decode {params.folders} {params.files} --jobs {threads} {params.options}"
        " 2>&1 | tee {log:q}"
