"""docs/contract.md lists what every rule of the workflow writes."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "contract.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]
WRITERS = {name for row in ROWS for name in re.findall(r"`(\w+)", row[-1])}


def rules() -> dict[str, str]:
    """Rule -> its text, of those that have an output."""
    found = {}
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        text = path.read_text(encoding="utf-8")
        for rule in re.split(r"^(?=rule |use rule )", text, flags=re.MULTILINE)[1:]:
            if "    output:" in rule:
                name = re.match(r"(?:use rule \w+ as|rule) (\w+)", rule)
                assert name, rule
                found[name.group(1)] = rule
    return found


RULES = rules()


def stages(rule: str) -> set[str]:
    """Stages that a rule calls; the rule's own name where Kaldi's programs do the work."""
    text = RULES[rule]
    if copied := re.match(r"use rule (\w+) as", text):
        text += RULES[copied.group(1)]
    return set(re.findall(r"pyscorer (\w+)", text.partition("    shell:")[2])) or {rule}


def written(rule: str) -> list[list[str]]:
    """The quoted parts of each path that a rule writes, without wildcards and splits."""
    output = RULES[rule].partition("    output:\n")[2]
    lines = output.partition("\n    params:")[0].partition("\n    log:")[0].splitlines()
    paths = [
        re.findall(r'"([^"]+)"', line) for line in lines if " / " in line and "=lambda" not in line
    ]
    fixed = [[p for p in parts if re.fullmatch(r"[\w.-]+", p)] for parts in paths]
    return [[p for p in parts if p not in ("train", "test")] for parts in fixed if parts]


def test_rules_are_found():
    assert len(RULES) > 60 and {"align", "kaldi_train", "train_mixture", "validate"} <= RULES.keys()
    assert written("align")[0] == ["ali", "ali.scp"]


@pytest.mark.parametrize("rule", RULES)
def test_every_stage_that_writes_is_in_the_contract(rule):
    assert stages(rule) <= WRITERS


@pytest.mark.parametrize("rule", RULES)
def test_what_a_rule_writes_is_in_a_row_of_its_stage(rule):
    own = [row[0] for row in ROWS if stages(rule) & set(re.findall(r"`(\w+)", row[-1]))]
    for folder, *_ in written(rule):
        named = [row for row in own if re.search(rf"\b{re.escape(folder)}\b|<system>", row)]
        assert named, f"{rule} writes below {folder}"


def test_every_writer_is_a_stage_or_a_rule():
    from pyscorer.cli import STAGES

    assert {*STAGES, *RULES} >= WRITERS
