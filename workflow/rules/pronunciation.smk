rule pool:
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        ali=WORK / "ali" / "{corpus}" / "{split}" / "phones.ctm",
        deep=WORK / "deep" / "{corpus}" / "{split}" / "frame_shift",
    output:
        WORK / "pool" / "{corpus}" / "{split}" / "phones.scp",
        WORK / "pool" / "{corpus}" / "{split}" / "segments.csv",
        WORK / "pool" / "{corpus}" / "{split}" / "columns.txt",
    params:
        folders=folders("data", "ali", "deep", out=0),
        options=options("pool"),
    resources:
        **NEEDS.resources("pool"),
    log:
        LOGS / "pool" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "pool" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer pool {params.folders} {params.options} 2>&1 | tee {log:q}"


rule train_scorer:
    input:
        **train_and_test(data="labelled/utt2spk", pool="pool/segments.csv"),
        **dict.fromkeys(("start", "train_frames", "test_frames"), []),
    output:
        WORK / "scorers" / "{scorer}" / "model.pt",
        WORK / "scorers" / "{scorer}" / "scores.csv",
    params:
        folders=folders(
            *("train_data", "train_pool", "test_data", "test_pool", "start"),
            *("train_frames", "test_frames"),
            out=0,
        ),
        options=lambda w: options("train_scorer", config["scorers"][w.scorer]),
    threads: NEEDS.threads("train_scorer")
    resources:
        **NEEDS.resources("train_scorer"),
    log:
        LOGS / "train_scorer" / "{scorer}.log",
    benchmark:
        BENCHMARKS / "train_scorer" / "{scorer}.tsv"
    shell:
        "pyscorer train_scorer {params.folders} --jobs {threads} {params.options}"
        " 2>&1 | tee {log:q}"


rule gop:
    """Goodness of pronunciation of every phone, for people to read and baselines to learn from."""
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        ali=WORK / "ali" / "{corpus}" / "{split}" / "phones.ctm",
        reference=lambda w: commands.reference(RUN, w.corpus),
        deep=WORK / "deep" / "{corpus}" / "{split}" / "frame_shift",
        gmm=WORK / "gmm" / "final.npz",
        feats=WORK / "mfcc13" / "{corpus}" / "{split}" / "feats.scp",
    output:
        WORK / "gop" / "{corpus}" / "{split}" / "gop.csv",
        WORK / "gop" / "{corpus}" / "{split}" / "phones.scp",
    params:
        folders=folders("data", "ali", "reference", "deep", "gmm", "feats", out=0),
    resources:
        **NEEDS.resources("gop"),
    log:
        LOGS / "gop" / "{corpus}" / "{split}.log",
    benchmark:
        BENCHMARKS / "gop" / "{corpus}" / "{split}.tsv"
    shell:
        "pyscorer gop {params.folders} 2>&1 | tee {log:q}"


rule train_baseline:
    input:
        **train_and_test(data="labelled/utt2spk"),
        train_pool=lambda w: baseline_pools(config, RUN, w.baseline)["train"],
        test_pool=lambda w: baseline_pools(config, RUN, w.baseline)["test"],
    output:
        WORK / "baselines" / "{baseline}" / "scores.csv",
    params:
        folders=folders("train_data", "train_pool", "test_data", "test_pool", out=0),
        options=lambda w: options("train_baseline", config["baselines"][w.baseline]),
    threads: NEEDS.threads("train_baseline")
    resources:
        **NEEDS.resources("train_baseline"),
    log:
        LOGS / "train_baseline" / "{baseline}.log",
    benchmark:
        BENCHMARKS / "train_baseline" / "{baseline}.tsv"
    shell:
        "pyscorer train_baseline {params.folders} --jobs {threads} {params.options}"
        " 2>&1 | tee {log:q}"


# The rows of the tables: every scorer and baseline of the configuration, in its order.
NAMES = [*config["scorers"], *config["baselines"]]


rule evaluate:
    localrule: True
    input:
        data=WORK / "labelled" / CORPUS / "test" / "utt2spk",
        scorers=commands.scored(config, RUN),
    output:
        RESULTS / "tables" / "results.csv",
        RESULTS / "tables" / "groups.csv",
        RESULTS / "tables" / "ceiling.csv",
        RESULTS / "tables" / "errors.csv",
    params:
        names=NAMES,
        folders=folders("data", "scorers", out=0),
        options=options("evaluate"),
    log:
        LOGS / "evaluate.log",
    benchmark:
        BENCHMARKS / "evaluate.tsv"
    shell:
        "pyscorer evaluate {params.folders} --names {params.names:q} {params.options}"
        " 2>&1 | tee {log:q}"


rule report:
    localrule: True
    input:
        **train_and_test(data="labelled/utt2spk", ali="ali/phones.ctm"),
        gmm=WORK / "gmm" / "log.csv",
        tdnnf=PLAN.acoustic.model,
        scorers=commands.scored(config, RUN),
        results=RESULTS / "tables" / "results.csv",
    output:
        RESULTS / "report.html",
    params:
        names=NAMES,
        folders=folders(
            *("train_data", "test_data", "train_ali", "test_ali"),
            *("gmm", "tdnnf", "scorers", "results"),
        ),
        options=options("report", base=commands.told(RUN)),
    log:
        LOGS / "report.log",
    benchmark:
        BENCHMARKS / "report.tsv"
    shell:
        "pyscorer report {params.folders} --names {params.names:q} --out {output:q} {params.options}"
        " 2>&1 | tee {log:q}"


rule bundle:
    """The models of a run in one directory, for `pyscorer score`."""
    localrule: True
    input:
        gmm=WORK / "gmm" / "final.npz",
        lexicon=WORK / "data" / CORPUS / "train" / "lexicon.txt",
        tdnnf=PLAN.acoustic.model,
        scorer=WORK / "scorers" / "{scorer}" / "model.pt",
        pool=WORK / "pool" / CORPUS / "train" / "phones.scp",
        deep=WORK / "deep" / CORPUS / "train" / "embed.scp",
    output:
        directory(RESULTS / "models" / "{scorer}"),
    params:
        folders=folders("gmm", "scorer", "pool", "deep"),
    log:
        LOGS / "bundle" / "{scorer}.log",
    benchmark:
        BENCHMARKS / "bundle" / "{scorer}.tsv"
    shell:
        "pyscorer bundle {params.folders} --lexicon {input.lexicon:q} --tdnnf {input.tdnnf:q}"
        " --out {output:q} 2>&1 | tee {log:q}"
