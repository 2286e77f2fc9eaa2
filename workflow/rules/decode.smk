# Recognition; nothing in it runs unless its files are asked for (target `recognition`).
if "acoustic_model" in config or config["engine"] == "kaldi":
    TREE = WORK / "tdnnf" / "final.pt", WORK / "tdnnf" / "tree.json"
else:
    TREE = WORK / "graphs" / "normalization.fst", WORK / "graphs" / "tree.json"


rule recognition:
    input:
        WORK / "decode" / CORPUS / "test" / "wer.csv",


rule decoding_graph:
    input:
        text=WORK / "data" / CORPUS / "train" / "text",
        lexicon=WORK / "data" / CORPUS / "train" / "lexicon.txt",
        made=TREE[0],
        arpa=config.get("decoding_graph", {}).get("arpa", []),
    output:
        directory(WORK / "decoding_graph"),
    params:
        tree=TREE[1],
        options=options("decoding_graph"),
    log:
        LOGS / "decoding_graph.log",
    benchmark:
        BENCHMARKS / "decoding_graph.tsv"
    shell:
        "pyscorer decoding_graph --text {input.text} --lexicon {input.lexicon}"
        " --tree {params.tree} --out {output} {params.options} 2>&1 | tee {log}"


rule decode:
    input:
        text=WORK / "data" / CORPUS / "{split}" / "text",
        feats=WORK / "mfcc40" / CORPUS / "{split}" / "feats.scp",
        model=WORK / "tdnnf" / "final.pt",
        graph=WORK / "decoding_graph",
    output:
        WORK / "decode" / CORPUS / "{split}" / "hyp.text",
        WORK / "decode" / CORPUS / "{split}" / "nbest.csv",
        WORK / "decode" / CORPUS / "{split}" / "wer.csv",
    params:
        data=subpath(input.text, parent=True),
        feats=subpath(input.feats, parent=True),
        out=subpath(output[0], parent=True),
        options=options("decode"),
    threads: workflow.cores
    log:
        LOGS / "decode" / CORPUS / "{split}.log",
    benchmark:
        BENCHMARKS / "decode" / CORPUS / "{split}.tsv"
    shell:
        "pyscorer decode --data {params.data} --feats {params.feats} --model {input.model}"
        " --graph {input.graph} --out {params.out} --jobs {threads} {params.options}"
        " 2>&1 | tee {log}"


rule export_kaldi:
    """The trained network as Kaldi's final.mdl, tree, phones.txt and mfcc.conf."""
    input:
        model=WORK / "tdnnf" / "final.pt",
        made=TREE[0],
    output:
        directory(RESULTS / "kaldi"),
    params:
        graphs=TREE[1].parent,
    log:
        LOGS / "export_kaldi.log",
    benchmark:
        BENCHMARKS / "export_kaldi.tsv"
    shell:
        "pyscorer export_kaldi --model {input.model} --graphs {params.graphs} --out {output}"
        " 2>&1 | tee {log}"


rule export_vosk:
    input:
        am=RESULTS / "kaldi",
        graph=WORK / "decoding_graph",
        feats=WORK / "mfcc40" / CORPUS / "train" / "feats.scp",
    output:
        directory(RESULTS / "vosk"),
    params:
        feats=subpath(input.feats, parent=True),
    log:
        LOGS / "export_vosk.log",
    benchmark:
        BENCHMARKS / "export_vosk.tsv"
    shell:
        "pyscorer export_vosk --am {input.am} --graph {input.graph} --feats {params.feats}"
        " --out {output} 2>&1 | tee {log}"
