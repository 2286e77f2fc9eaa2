# Recognition; nothing in it runs unless its files are asked for (target `recognition`).
rule recognition:
    input:
        WORK / "decode" / CORPUS / "test" / "wer.csv",


rule decoding_graph:
    input:
        text=WORK / "data" / CORPUS / "train" / "utt2spk",
        lexicon=WORK / "data" / CORPUS / "train" / "lexicon.txt",
        made=TREE_MADE,
        arpa=config.get("decoding_graph", {}).get("arpa", []),
    output:
        directory(WORK / "decoding_graph"),
    params:
        options=options("decoding_graph"),
    log:
        LOGS / "decoding_graph.log",
    benchmark:
        BENCHMARKS / "decoding_graph.tsv"
    shell:
        "pyscorer decoding_graph --text {input.text:q} --lexicon {input.lexicon:q}"
        " --tree {TREE:q} --out {output:q} {params.options} 2>&1 | tee {log:q}"


rule decode:
    input:
        data=WORK / "data" / CORPUS / "{split}" / "utt2spk",
        feats=WORK / "mfcc40" / CORPUS / "{split}" / "feats.scp",
        model=WORK / "tdnnf" / "final.pt",
        graph=WORK / "decoding_graph",
    output:
        WORK / "decode" / CORPUS / "{split}" / "hyp.text",
        WORK / "decode" / CORPUS / "{split}" / "nbest.csv",
        WORK / "decode" / CORPUS / "{split}" / "wer.csv",
    params:
        folders=folders("data", "feats", out=0),
        options=options("decode"),
    threads: workflow.cores
    log:
        LOGS / "decode" / CORPUS / "{split}.log",
    benchmark:
        BENCHMARKS / "decode" / CORPUS / "{split}.tsv"
    shell:
        "pyscorer decode {params.folders} --model {input.model:q} --graph {input.graph:q}"
        " --jobs {threads} {params.options} 2>&1 | tee {log:q}"


rule export_kaldi:
    """The trained network as Kaldi's final.mdl, tree, phones.txt and mfcc.conf."""
    input:
        model=WORK / "tdnnf" / "final.pt",
        made=TREE_MADE,
    output:
        directory(RESULTS / "kaldi"),
    log:
        LOGS / "export_kaldi.log",
    benchmark:
        BENCHMARKS / "export_kaldi.tsv"
    shell:
        "pyscorer export_kaldi --model {input.model:q} --graphs {TREE.parent:q} --out {output:q}"
        " 2>&1 | tee {log:q}"


rule export_vosk:
    input:
        am=RESULTS / "kaldi",
        graph=WORK / "decoding_graph",
        feats=WORK / "mfcc40" / CORPUS / "train" / "feats.scp",
    output:
        directory(RESULTS / "vosk"),
    params:
        folders=folders("feats"),
    log:
        LOGS / "export_vosk.log",
    benchmark:
        BENCHMARKS / "export_vosk.tsv"
    shell:
        "pyscorer export_vosk --am {input.am:q} --graph {input.graph:q} {params.folders}"
        " --out {output:q} 2>&1 | tee {log:q}"
