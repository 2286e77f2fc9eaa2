"""Writes what is derived from the options of the stages: `python -m pyscorer.describe`.

That is `workflow/schemas/options.json`, which the configuration is checked against, and the table
of `config/README.md` between `START` and `END`.
"""

import json
from pathlib import Path
from typing import Any

from pyscorer.errors import InputError
from pyscorer.evaluation.markdown import markdown_table
from pyscorer.stages import PACKAGE, STAGES, load_stage, options_of

START, END = "<!-- options: `make docs` writes what follows -->\n", "<!-- end of options -->\n"
SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}

Options = dict[str, dict[str, dict[str, Any]]]


def options_json(options: Options) -> str:
    """One stage a line."""
    lines = [f'"{s}": {json.dumps(own, ensure_ascii=False)}' for s, own in options.items()]
    return "{" + ",\n".join(lines) + "}\n"


def _range(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(schema["enum"])
    if schema.get("type") == "array":
        return f"each {_range(schema['items'])}"
    if "anyOf" in schema:
        return " or ".join(map(_range, schema["anyOf"]))
    if schema["type"] == "boolean":
        return "true, false"
    if schema["type"] == "string":
        return schema.get("format", "text")
    limits = [f"{sign} {schema[key]}" for key, sign in SIGNS.items() if key in schema]
    return ", ".join((["whole"] if schema["type"] == "integer" else []) + limits)


def options_table(options: Options) -> str:
    """Markdown: every option with default, range and meaning."""
    rows = []
    for stage, own in options.items():
        for name, schema in own.items():
            default = json.dumps(schema["default"]).replace("null", "")
            meaning = schema.get("description", "").replace("<", "&lt;")
            rows.append((f"`{stage}.{name}`", default, _range(schema), meaning))
    return markdown_table(("option", "default", "range", "meaning"), rows)


def descriptions(root: Path = PACKAGE.parent) -> dict[Path, str]:
    """Files of the repository that are derived from the stages, and what they shall hold."""
    options = {name: options_of(load_stage(name)) for name in STAGES}
    options = {name: own for name, own in options.items() if own}
    readme = root / "config" / "README.md"
    before, start, rest = readme.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise InputError(f"{readme}: no line {START.strip()}, or none {END.strip()} after it")
    return {
        root / "workflow" / "schemas" / "options.json": options_json(options),
        readme: before + start + options_table(options) + end + after,
    }


if __name__ == "__main__":
    for path, text in descriptions().items():
        path.write_text(text, encoding="utf-8")
