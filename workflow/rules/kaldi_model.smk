# A Kaldi model in the place of one that train_tdnnf makes (configuration: acoustic_model).
ruleorder: import_kaldi > train_tdnnf


rule import_kaldi:
    input:
        config["acoustic_model"],
    output:
        WORK / "tdnnf" / "final.pt",
    params:
        folders=folders(out=0),
    log:
        LOGS / "import_kaldi.log",
    benchmark:
        BENCHMARKS / "import_kaldi.tsv"
    shell:
        "pyscorer import_kaldi --model {input:q} {params.folders} 2>&1 | tee {log:q}"
