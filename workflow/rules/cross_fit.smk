# GOP of the train split by acoustic models that have not heard the speaker (key `grading: cross_fit`):
# GMM and TDNN-F of each fold of speakers learn from all the others. Alignments, tree and graphs are
# those of the run. The test split is measured by the run's own models, as new recordings are.
FOLDED = PLAN.graders.cross_fit


wildcard_constraints:
    fold=r"\d+of\d+",


ruleorder: fold_data > validate
ruleorder: others_data > validate
ruleorder: export_fold > export
ruleorder: gop_fold > gop


rule fold_data:
    input:
        data=WORK / "data" / CORPUS / "train" / "utt2spk",
        lexicon=WORK / "data" / CORPUS / "train" / "lexicon.txt",
    output:
        WORK / "data" / CORPUS / "train-fold{fold}" / "utt2spk",
        WORK / "data" / CORPUS / "train-fold{fold}" / "lexicon.txt",
    params:
        folders=folders("data", out=0),
        part=FOLDED.part,
    resources:
        **NEEDS.resources("split_data"),
    log:
        LOGS / "split_data" / CORPUS / "train-fold{fold}.log",
    benchmark:
        BENCHMARKS / "split_data" / CORPUS / "train-fold{fold}.tsv"
    shell:
        "pyscorer split_data {params.folders} {params.part} 2>&1 | tee {log:q}"


rule others_data:
    """All folds but one."""
    input:
        parts=FOLDED.others,
    output:
        WORK / "data" / CORPUS / "train-but{fold}" / "utt2spk",
        WORK / "data" / CORPUS / "train-but{fold}" / "lexicon.txt",
    params:
        folders=folders("parts", out=0),
    resources:
        **NEEDS.resources("gather"),
    log:
        LOGS / "gather_data" / CORPUS / "train-but{fold}.log",
    benchmark:
        BENCHMARKS / "gather_data" / CORPUS / "train-but{fold}.tsv"
    shell:
        "pyscorer gather {params.folders} 2>&1 | tee {log:q}"


use rule train_gmm as train_gmm_fold with:
    input:
        data=WORK / "data" / CORPUS / "train-but{fold}" / "utt2spk",
        lexicon=WORK / "data" / CORPUS / "train-but{fold}" / "lexicon.txt",
        feats=WORK / "mfcc13" / CORPUS / "train" / "feats.scp",
    output:
        WORK / "cross_fit" / "gmm" / "{fold}" / "final.npz",
        WORK / "cross_fit" / "gmm" / "{fold}" / "log.csv",
    log:
        LOGS / "train_gmm" / "but{fold}.log",
    benchmark:
        BENCHMARKS / "train_gmm" / "but{fold}.tsv"


use rule train_tdnnf as train_tdnnf_fold with:
    input:
        data=FOLDED.learnt("data", "utt2spk"),
        ali=FOLDED.learnt("ali", "phones.ctm"),
        feats=FOLDED.learnt("mfcc40", "feats.scp"),
        graphs=WORK / "graphs" / "normalization.fst",
    output:
        WORK / "cross_fit" / "tdnnf" / "{fold}" / "final.pt",
    log:
        LOGS / "train_tdnnf" / "but{fold}.log",
    benchmark:
        BENCHMARKS / "train_tdnnf" / "but{fold}.tsv"


use rule export as export_fold with:
    input:
        model=WORK / "cross_fit" / "tdnnf" / "{fold}" / "final.pt",
        feats=WORK / "mfcc40" / CORPUS / "train-fold{fold}" / "feats.scp",
    output:
        temp(WORK / "deep" / CORPUS / "train-fold{fold}" / "embed.scp"),
        temp(WORK / "deep" / CORPUS / "train-fold{fold}" / "post.scp"),
        temp(WORK / "deep" / CORPUS / "train-fold{fold}" / "frame_shift"),
        temp(WORK / "deep" / CORPUS / "train-fold{fold}" / "embed.ark"),
        temp(WORK / "deep" / CORPUS / "train-fold{fold}" / "post.ark"),
    log:
        LOGS / "export" / CORPUS / "train-fold{fold}.log",
    benchmark:
        BENCHMARKS / "export" / CORPUS / "train-fold{fold}.tsv"


use rule gop as gop_fold with:
    input:
        data=WORK / "data" / CORPUS / "train-fold{fold}" / "utt2spk",
        ali=WORK / "ali" / CORPUS / "train" / "phones.ctm",
        reference=WORK / "ali" / CORPUS / "train" / "phones.ctm",
        deep=WORK / "deep" / CORPUS / "train-fold{fold}" / "frame_shift",
        post=[WORK / "deep" / CORPUS / "train-fold{fold}" / f"post.{end}" for end in ("scp", "ark")],
        gmm=WORK / "cross_fit" / "gmm" / "{fold}" / "final.npz",
        feats=WORK / "mfcc13" / CORPUS / "train" / "feats.scp",
    output:
        WORK / "gop" / CORPUS / "train-fold{fold}" / "gop.csv",
        WORK / "gop" / CORPUS / "train-fold{fold}" / "phones.scp",
    log:
        LOGS / "gop" / CORPUS / "train-fold{fold}.log",
    benchmark:
        BENCHMARKS / "gop" / CORPUS / "train-fold{fold}.tsv"


# What the graders read as GOP: of the train split by the folds, of the test split as it is.
use rule others_data as gather_folds with:
    input:
        parts=FOLDED.measured,
    output:
        WORK / "cross_fit" / "gop" / CORPUS / "{split}" / "phones.scp",
    log:
        LOGS / "gather_folds" / "{split}.log",
    benchmark:
        BENCHMARKS / "gather_folds" / "{split}.tsv"
