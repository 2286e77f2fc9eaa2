# Datasets in parts of whole speakers (key `shards`): a part is a dataset of its own, <split>@3of8,
# which the stages' rules take as any other; what they wrote of the parts is gathered.
from pyscorer.planning.parts import GATHERED

PART = r"[^/@]+@\d+of\d+"


ruleorder: split_data > prepare


rule split_data:
    """A part of a split as published."""
    input:
        data=WORK / "prepared" / "{corpus}" / "{split}" / "utt2spk",
        lexicon=WORK / "prepared" / "{corpus}" / "{split}" / "lexicon.txt",
    output:
        WORK / "prepared" / "{corpus}" / "{split}@{part}of{parts}" / "utt2spk",
        WORK / "prepared" / "{corpus}" / "{split}@{part}of{parts}" / "lexicon.txt",
    wildcard_constraints:
        split="[^/@]+",
        part=r"\d+",
        parts=r"\d+",
    params:
        folders=folders("data", out=0),
    resources:
        **NEEDS.resources("split_data"),
    log:
        LOGS / "split_data" / "{corpus}" / "{split}@{part}of{parts}.log",
    benchmark:
        BENCHMARKS / "split_data" / "{corpus}" / "{split}@{part}of{parts}.tsv"
    shell:
        "pyscorer split_data {params.folders} --part {wildcards.part} --parts {wildcards.parts}"
        " 2>&1 | tee {log:q}"


if "encode" in config:

    # States are large: those of a part are gone when they are pooled, on a cluster in one job (group).
    use rule encode as encode_part with:
        output:
            temp(WORK / "encoded" / "{corpus}" / "{split}" / "embed.scp"),
            temp(WORK / "encoded" / "{corpus}" / "{split}" / "frame_shift"),
            temp(WORK / "encoded" / "{corpus}" / "{split}" / "embed.ark"),
        wildcard_constraints:
            split=PART,

    use rule pool_encoded as pool_encoded_part with:
        wildcard_constraints:
            split=PART,

    ruleorder: encode_part > encode
    ruleorder: pool_encoded_part > pool_encoded


if PLAN.parts.egs:

    use rule chain_graphs as chain_graphs_of_parts with:
        input:
            statistics=[
                WORK / "statistics" / part / "statistics.npz" for part in PLAN.parts.egs
            ],
        params:
            folders=folders("statistics", out=0),
            options=options("chain_graphs"),

    ruleorder: chain_graphs_of_parts > chain_graphs

    use rule train_tdnnf as train_tdnnf_on_egs with:
        input:
            egs=[WORK / "egs" / part / "egs.npz" for part in PLAN.parts.egs],
            lists=[WORK / "egs" / part / "feats.scp" for part in PLAN.parts.egs],
            archives=[WORK / "egs" / part / "feats.ark" for part in PLAN.parts.egs],
            graphs=WORK / "graphs" / "normalization.fst",
        params:
            folders=folders("egs", "graphs", out=0),
            options=options("train_tdnnf"),

    ruleorder: train_tdnnf_on_egs > train_tdnnf

    if "compared" in config:

        ruleorder: train_tdnnf_on_egs > import_kaldi


for FOLDER, (MAKERS, NAMES) in GATHERED.items():
    THERE = [r for r in MAKERS if workflow.is_rule(workflow.modifier.modify_rulename(r))]
    if not THERE:
        continue

    workflow.ruleorder(f"gather_{FOLDER}", *THERE)

    rule:
        name:
            f"gather_{FOLDER}"
        input:
            parts=PLAN.parts.gathered(FOLDER),
        output:
            [WORK / FOLDER / "{dataset}" / name for name in NAMES],
        wildcard_constraints:
            dataset=PLAN.parts.pattern,
        params:
            folders=folders("parts", out=0),
            reports=PLAN.parts.reports(FOLDER),
        resources:
            **NEEDS.resources("gather"),
        log:
            LOGS / f"gather_{FOLDER}" / "{dataset}.log",
        benchmark:
            BENCHMARKS / f"gather_{FOLDER}" / "{dataset}.tsv"
        shell:
            "pyscorer gather {params.folders} {params.reports} 2>&1 | tee {log:q}"
