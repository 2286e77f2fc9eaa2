# Published models through the scorers of the run, on its data and alignment: section `compared`.
COMPARED = PLAN.compared
SOURCE = WORK / "compared" / "{source}"


wildcard_constraints:
    source="[A-Za-z0-9+_.-]+",


rule compared:
    input:
        RESULTS / "compared" / "results.csv",


use rule import_published as import_compared with:
    input:
        lambda w: COMPARED.acoustic(w.source).read,
    output:
        WORK / "compared" / "{source}" / "published" / "published.json",
    params:
        options=lambda w: flags(COMPARED.options(w.source, "import_published")),
    log:
        LOGS / "compared" / "{source}" / "import_published.log",
    benchmark:
        BENCHMARKS / "compared" / "{source}" / "import_published.tsv"


use rule export_published as export_compared with:
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        model=SOURCE / "published" / "published.json",
    output:
        WORK / "compared" / "{source}" / "deep" / "{corpus}" / "{split}" / "embed.scp",
        WORK / "compared" / "{source}" / "deep" / "{corpus}" / "{split}" / "post.scp",
        WORK / "compared" / "{source}" / "deep" / "{corpus}" / "{split}" / "frame_shift",
    log:
        LOGS / "compared" / "{source}" / "export_published.{corpus}.{split}.log",
    benchmark:
        BENCHMARKS / "compared" / "{source}" / "export_published.{corpus}.{split}.tsv"


use rule encode as encode_compared with:
    output:
        WORK / "compared" / "{source}" / "encoded" / "{corpus}" / "{split}" / "embed.scp",
        WORK / "compared" / "{source}" / "encoded" / "{corpus}" / "{split}" / "frame_shift",
    params:
        options=lambda w: flags(COMPARED.options(w.source, "encode")),
    log:
        LOGS / "compared" / "{source}" / "encode.{corpus}.{split}.log",
    benchmark:
        BENCHMARKS / "compared" / "{source}" / "encode.{corpus}.{split}.tsv"


use rule pool as pool_compared with:
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        ali=WORK / "ali" / "{corpus}" / "{split}" / "phones.ctm",
        deep=lambda w: COMPARED.deep(w.source, w.split),
    output:
        WORK / "compared" / "{source}" / "pool" / "{corpus}" / "{split}" / "phones.scp",
        WORK / "compared" / "{source}" / "pool" / "{corpus}" / "{split}" / "segments.csv",
        WORK / "compared" / "{source}" / "pool" / "{corpus}" / "{split}" / "columns.txt",
    params:
        options=lambda w: options("pool", COMPARED.pooled(w.source)),
    log:
        LOGS / "compared" / "{source}" / "pool.{corpus}.{split}.log",
    benchmark:
        BENCHMARKS / "compared" / "{source}" / "pool.{corpus}.{split}.tsv"


use rule gop as gop_compared with:
    input:
        data=WORK / "data" / "{corpus}" / "{split}" / "utt2spk",
        ali=WORK / "ali" / "{corpus}" / "{split}" / "phones.ctm",
        reference=lambda w: commands.reference(RUN, w.corpus),
        deep=SOURCE / "deep" / "{corpus}" / "{split}" / "frame_shift",
        gmm=WORK / "gmm" / "final.npz",
        feats=WORK / "mfcc13" / "{corpus}" / "{split}" / "feats.scp",
    output:
        WORK / "compared" / "{source}" / "gop" / "{corpus}" / "{split}" / "gop.csv",
        WORK / "compared" / "{source}" / "gop" / "{corpus}" / "{split}" / "phones.scp",
    log:
        LOGS / "compared" / "{source}" / "gop.{corpus}.{split}.log",
    benchmark:
        BENCHMARKS / "compared" / "{source}" / "gop.{corpus}.{split}.tsv"


use rule train_scorer as scorer_compared with:
    input:
        **train_and_test(data="labelled/utt2spk"),
        train_pool=SOURCE / "pool" / CORPUS / "train" / "segments.csv",
        test_pool=SOURCE / "pool" / CORPUS / "test" / "segments.csv",
        **dict.fromkeys(("start", "train_frames", "test_frames"), []),
    output:
        WORK / "compared" / "{source}" / "scorers" / "{scorer}" / "model.pt",
        WORK / "compared" / "{source}" / "scorers" / "{scorer}" / "scores.csv",
    log:
        LOGS / "compared" / "{source}" / "train_scorer.{scorer}.log",
    benchmark:
        BENCHMARKS / "compared" / "{source}" / "train_scorer.{scorer}.tsv"


use rule train_baseline as baseline_compared with:
    input:
        **train_and_test(data="labelled/utt2spk"),
        train_pool=SOURCE / "gop" / CORPUS / "train" / "gop.csv",
        test_pool=SOURCE / "gop" / CORPUS / "test" / "gop.csv",
    output:
        WORK / "compared" / "{source}" / "baselines" / "{baseline}" / "scores.csv",
    log:
        LOGS / "compared" / "{source}" / "train_baseline.{baseline}.log",
    benchmark:
        BENCHMARKS / "compared" / "{source}" / "train_baseline.{baseline}.tsv"


use rule evaluate as evaluate_compared with:
    input:
        data=WORK / "labelled" / CORPUS / "test" / "utt2spk",
        scorers=[*COMPARED.rows.values()],
    output:
        RESULTS / "compared" / "results.csv",
        RESULTS / "compared" / "groups.csv",
        RESULTS / "compared" / "ceiling.csv",
        RESULTS / "compared" / "errors.csv",
    params:
        names=[*COMPARED.rows],
    log:
        LOGS / "compared" / "evaluate.log",
    benchmark:
        BENCHMARKS / "compared" / "evaluate.tsv"
