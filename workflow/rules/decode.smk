# Recognition; nothing in it runs unless its files are asked for (target `recognition`).
from pyscorer.planning.hearing import Hearing

HEARING = Hearing(config, RUN)

ruleorder: heard > validate


rule recognition:
    input:
        WORK / "decode" / CORPUS / "test" / "hyp.text",


rule decoding_graph:
    input:
        HEARING.grammar_files,
        data=HEARING.data,
        lexicon=HEARING.lexicon,
        made=TREE_MADE,
        arpa=config.get("decoding_graph", {}).get("arpa", []),
    output:
        directory(WORK / "decoding_graph"),
    params:
        tree=TREE,
        options=options("decoding_graph", base=HEARING.graph_options),
    resources:
        **NEEDS.resources("decoding_graph"),
    log:
        LOGS / "decoding_graph.log",
    benchmark:
        BENCHMARKS / "decoding_graph.tsv"
    shell:
        "pyscorer decoding_graph --lexicon {input.lexicon:q}"
        " --tree {params.tree:q} --out {output:q} {params.options} 2>&1 | tee {log:q}"


# Three decoders that write the same files, each into its own folder; `proficiency.speech` chooses.
rule decode:
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        feats=WORK / "mfcc40" / "{corpus}" / "{split}" / "feats.scp",
        model=WORK / "tdnnf" / "final.pt",
        graph=WORK / "decoding_graph",
    output:
        WORK / "decode" / "{corpus}" / "{split}" / "hyp.text",
        WORK / "decode" / "{corpus}" / "{split}" / "words.ctm",
        WORK / "decode" / "{corpus}" / "{split}" / "nbest.csv",
        WORK / "decode" / "{corpus}" / "{split}" / "decoder.json",
    params:
        folders=folders("data", "feats", out=0),
        options=options("decode"),
    threads: NEEDS.threads("decode")
    resources:
        **NEEDS.resources("decode"),
    log:
        LOGS / "decode" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "decode" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer decode {params.folders} --model {input.model:q} --graph {input.graph:q}"
        " --jobs {threads} {params.options} 2>&1 | tee {log:q}"


rule decode_vosk:
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        model=HEARING.vosk_model,
        lexicon=HEARING.lexicon,
    output:
        WORK / "decode_vosk" / "{corpus}" / "{split}" / "hyp.text",
        WORK / "decode_vosk" / "{corpus}" / "{split}" / "words.ctm",
        WORK / "decode_vosk" / "{corpus}" / "{split}" / "nbest.csv",
        WORK / "decode_vosk" / "{corpus}" / "{split}" / "decoder.json",
    params:
        folders=folders("data", out=0),
        options=options("decode_vosk", base=HEARING.vosk_options),
    threads: NEEDS.threads("decode_vosk")
    resources:
        **NEEDS.resources("decode_vosk"),
    log:
        LOGS / "decode_vosk" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "decode_vosk" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer decode_vosk {params.folders} --lexicon {input.lexicon:q} --jobs {threads}"
        " {params.options} 2>&1 | tee {log:q}"


rule transcribe:
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        lexicon=HEARING.lexicon,
    output:
        WORK / "transcribe" / "{corpus}" / "{split}" / "hyp.text",
        WORK / "transcribe" / "{corpus}" / "{split}" / "words.ctm",
        WORK / "transcribe" / "{corpus}" / "{split}" / "nbest.csv",
        WORK / "transcribe" / "{corpus}" / "{split}" / "decoder.json",
    params:
        folders=folders("data", out=0),
        options=options("transcribe", base=HEARING.whisper_options),
    threads: NEEDS.threads("transcribe")
    resources:
        **NEEDS.resources("transcribe"),
    log:
        LOGS / "transcribe" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "transcribe" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer transcribe {params.folders} --lexicon {input.lexicon:q} --jobs {threads}"
        " {params.options} 2>&1 | tee {log:q}"


rule heard:
    """What was heard, as a data directory of its own: heard-<corpus>/<split>."""
    localrule: True
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        decoded=WORK / HEARING.decoder / "{corpus}" / "{split}" / "hyp.text",
        lexicon=HEARING.lexicon,
    output:
        WORK / "data" / "heard-{corpus}" / "{split}" / "utt2spk",
        WORK / "data" / "heard-{corpus}" / "{split}" / "lexicon.txt",
    params:
        folders=folders("data", "decoded", out=0),
    log:
        LOGS / "heard" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "heard" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer heard {params.folders} --lexicon {input.lexicon:q} 2>&1 | tee {log:q}"


rule export_kaldi:
    """The trained network as Kaldi's final.mdl, tree, phones.txt and mfcc.conf."""
    localrule: True
    input:
        model=WORK / "tdnnf" / "final.pt",
        made=TREE_MADE,
    output:
        directory(RESULTS / "kaldi"),
    params:
        graphs=TREE.parent,
    log:
        LOGS / "export_kaldi.log",
    benchmark:
        BENCHMARKS / "export_kaldi.tsv"
    shell:
        "pyscorer export_kaldi --model {input.model:q} --graphs {params.graphs:q} --out {output:q}"
        " 2>&1 | tee {log:q}"


rule export_vosk:
    input:
        am=PLAN.acoustic.kaldi,
        graph=WORK / "decoding_graph",
        feats=WORK / "mfcc40" / CORPUS / "train" / "feats.scp",
    output:
        directory(RESULTS / "vosk"),
    params:
        am=PLAN.acoustic.kaldi.parent if PLAN.acoustic.published else PLAN.acoustic.kaldi,
        folders=folders("feats"),
    resources:
        **NEEDS.resources("export_vosk"),
    log:
        LOGS / "export_vosk.log",
    benchmark:
        BENCHMARKS / "export_vosk.tsv"
    shell:
        "pyscorer export_vosk --am {params.am:q} --graph {input.graph:q} {params.folders}"
        " --out {output:q} 2>&1 | tee {log:q}"
