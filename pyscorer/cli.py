"""The `pyscorer` command: one subcommand a stage, made from the stage's own signature.

A stage is a public function. Each of its parameters becomes a flag; a dataclass parameter
contributes one flag for each of its fields, with the field's default. The Snakemake rule of the
same name calls the subcommand of the same name.
"""

import argparse
import dataclasses
import importlib
import inspect
import logging
import sys
import types
import typing
from collections.abc import Callable
from typing import Any

from pyscorer.errors import InputError

STAGES = {
    "download": "pyscorer.corpora.download",
    "prepare": "pyscorer.corpora.prepare",
    "validate": "pyscorer.corpora.validate",
    "perturb": "pyscorer.corpora.perturb",
    "features": "pyscorer.alignment.features",
    "train_gmm": "pyscorer.alignment.train_gmm",
    "align": "pyscorer.alignment.align",
    "scale_alignment": "pyscorer.alignment.scale_alignment",
    "textgrids": "pyscorer.alignment.textgrid",
    "chain_graphs": "pyscorer.chain.chain_graphs",
    "train_tdnnf": "pyscorer.chain.train_tdnnf",
    "export": "pyscorer.chain.export",
    "encode": "pyscorer.pretrained.encode",
    "recogniser_view": "pyscorer.pretrained.recogniser_view",
    "export_kaldi": "pyscorer.kaldi.export_kaldi",
    "decoding_graph": "pyscorer.recognition.decoding_graph",
    "decode": "pyscorer.recognition.decode",
    "export_vosk": "pyscorer.recognition.export_vosk",
    "import_kaldi": "pyscorer.kaldi.import_kaldi",
    "import_kaldi_gmm": "pyscorer.kaldi.import_kaldi_gmm",
    "kaldi_lang": "pyscorer.kaldi.lang",
    "kaldi_shards": "pyscorer.kaldi.shards",
    "kaldi_alignment": "pyscorer.kaldi.outputs",
    "kaldi_network": "pyscorer.kaldi.export_kaldi",
    "kaldi_posteriors": "pyscorer.kaldi.outputs",
    "gop": "pyscorer.measures.gop",
    "transition_gop": "pyscorer.measures.transition_gop",
    "train_baseline": "pyscorer.scoring.baselines",
    "train_learned_gop": "pyscorer.measures.learned_gop",
    "learned_gop": "pyscorer.measures.learned_gop",
    "synthetic_scores": "pyscorer.pronunciation.synthetic_scores",
    "pool": "pyscorer.measures.pool",
    "train_scorer": "pyscorer.pronunciation.train_scorer",
    "heard_phones": "pyscorer.pretrained.heard_phones",
    "train_grader": "pyscorer.grading.train_grader",
    "average_graders": "pyscorer.grading.average_graders",
    "evaluate_grader": "pyscorer.grading.evaluate_grader",
    "pretrain_scorer": "pyscorer.pronunciation.pretrain_scorer",
    "activations": "pyscorer.pronunciation.activations",
    "unfreeze_scorer": "pyscorer.pronunciation.unfreeze_scorer",
    "parameters": "pyscorer.pronunciation.parameters",
    "bundle": "pyscorer.feedback.bundle",
    "bundle_grader": "pyscorer.feedback.bundle",
    "evaluate": "pyscorer.evaluation.evaluate",
    "report": "pyscorer.evaluation.report",
    "paper_tables": "pyscorer.pronunciation.paper_tables",
    "quote": "pyscorer.evaluation.quote",
    "score": "pyscorer.feedback.score",
    "score_all": "pyscorer.feedback.score_all",
    "prepare_responses": "pyscorer.proficiency.prepare_responses",
    "expert_features": "pyscorer.proficiency.expert_features",
    "train_expert": "pyscorer.proficiency.train_expert",
    "train_mixture": "pyscorer.proficiency.train_mixture",
    "proficiency_tables": "pyscorer.proficiency.proficiency_tables",
    "judge_model": "pyscorer.proficiency.judge",
    "judge": "pyscorer.proficiency.judge",
}
"""Stage -> module that holds the function of that name."""


def load_stage(name: str) -> Callable[..., Any]:
    """The public function of a stage."""
    stage: Callable[..., Any] = getattr(importlib.import_module(STAGES[name]), name)
    return stage


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _add_argument(
    parser: argparse.ArgumentParser, name: str, hint: Any, default: Any, help_text: str = ""
) -> None:
    """Add the flag for one parameter or field of type `hint`."""
    options: dict[str, Any] = {"dest": name, "help": help_text or " "}
    if default is inspect.Parameter.empty:
        options["required"] = True
    else:
        options["default"] = default
        if default is not None and default != ():
            options["help"] += f" (default: {default})"
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        hint = next(a for a in arguments if a is not type(None))
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is bool:
        options["action"] = argparse.BooleanOptionalAction
    elif origin in (list, tuple):
        options |= {
            "type": arguments[0],
            "nargs": "*" if default != inspect.Parameter.empty else "+",
        }
    elif origin is typing.Literal:
        options["choices"] = arguments
    else:
        options["type"] = hint
    parser.add_argument(_flag(name), **options)


def add_stage(parser: argparse.ArgumentParser, stage: Callable[..., Any]) -> None:
    """Give `parser` the flags of `stage`."""
    hints = typing.get_type_hints(stage)
    for name, parameter in inspect.signature(stage).parameters.items():
        hint = hints[name]
        if not dataclasses.is_dataclass(hint):
            _add_argument(parser, name, hint, parameter.default)
            continue
        fields = typing.get_type_hints(hint)
        for option in dataclasses.fields(hint):
            default = option.default
            if option.default_factory is not dataclasses.MISSING:
                default = option.default_factory()
            if default is dataclasses.MISSING:
                default = inspect.Parameter.empty
            _add_argument(
                parser, option.name, fields[option.name], default, option.metadata.get("help", "")
            )


def run_stage(stage: Callable[..., Any], arguments: argparse.Namespace) -> Any:
    """Call `stage` with the parsed flags."""
    values = vars(arguments)
    hints = typing.get_type_hints(stage)
    call = {}
    for name in inspect.signature(stage).parameters:
        hint = hints[name]
        if dataclasses.is_dataclass(hint):
            fields = {f.name: _as_field(values[f.name]) for f in dataclasses.fields(hint)}
            call[name] = typing.cast(Any, hint)(**fields)
        else:
            call[name] = values[name]
    return stage(**call)


def _as_field(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def main(argv: list[str] | None = None) -> int:
    """Run one stage; bad input ends with a message and status 2."""
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="pyscorer", description=__doc__.partition("\n")[0])
    subparsers = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for name in STAGES:
        # Only the stage that is called is imported: torch alone takes seconds.
        if argv[:1] != [name]:
            subparsers.add_parser(name, add_help=False)
            continue
        stage = load_stage(name)
        doc = inspect.getdoc(stage) or ""
        subparser = subparsers.add_parser(
            name, description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        add_stage(subparser, stage)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        run_stage(load_stage(arguments.stage), arguments)
    except InputError as error:
        print(f"pyscorer {arguments.stage}: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
