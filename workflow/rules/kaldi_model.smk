# A Kaldi model in the place of one that train_tdnnf makes (configuration: acoustic_model), or beside
# it (compared).
if PLAN.acoustic.named:

    ruleorder: import_kaldi > train_tdnnf


else:

    ruleorder: train_tdnnf > import_kaldi


if PLAN.acoustic.published:

    ruleorder: export_published > export


else:

    ruleorder: export > export_published


rule import_kaldi:
    """A network wired as ours; of a published one it says what it is not."""
    localrule: True
    input:
        PLAN.acoustic.mdl or [],
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


rule import_published:
    """A published model of any wiring, with what it needs and its phone map."""
    localrule: True
    input:
        PLAN.acoustic.read,
    output:
        WORK / "published" / "published.json",
    params:
        folders=folders(out=0),
        options=options("import_published", base=PLAN.acoustic.options),
    log:
        LOGS / "import_published.log",
    benchmark:
        BENCHMARKS / "import_published.tsv"
    shell:
        "pyscorer import_published {params.folders} {params.options} 2>&1 | tee {log:q}"


rule export_published:
    """Deep features and posteriors over the corpus's phones, as `export` gives of our own."""
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        model=WORK / "published" / "published.json",
    output:
        WORK / "deep" / "{corpus}" / "{split}" / "embed.scp",
        WORK / "deep" / "{corpus}" / "{split}" / "post.scp",
        WORK / "deep" / "{corpus}" / "{split}" / "frame_shift",
    params:
        folders=folders("data", "model", out=0),
    threads: NEEDS.threads("export_published")
    resources:
        **NEEDS.resources("export_published"),
    log:
        LOGS / "export_published" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "export_published" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer export_published {params.folders} --jobs {threads} 2>&1 | tee {log:q}"
