"""The stages: public functions, each with its options.

Parameters of a stage without a default, and paths, are its inputs and outputs. Every other
parameter is an option, and so is every field of a dataclass parameter.
"""

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pyscorer.imports import imported

STAGES = {
    "download": "corpora.download",
    "prepare": "corpora.prepare",
    "validate": "corpora.validate",
    "label": "corpora.label",
    "new_corpus": "corpora.new_corpus",
    "perturb": "corpora.perturb",
    "split_data": "scatter.split_data",
    "gather": "scatter.gather",
    "features": "alignment.features",
    "train_gmm": "alignment.train_gmm",
    "align": "alignment.align",
    "scale_alignment": "alignment.scale_alignment",
    "textgrids": "alignment.textgrid",
    "chain_statistics": "chain.chain_statistics",
    "chain_graphs": "chain.chain_graphs",
    "egs": "chain.egs_files",
    "train_tdnnf": "chain.train_tdnnf",
    "export": "chain.export",
    "encode": "pretrained.encode",
    "ctc_posteriors": "pretrained.ctc_posteriors",
    "recogniser_view": "pretrained.recogniser_view",
    "heard_phones": "pretrained.heard_phones",
    "transcribe": "pretrained.transcribe",
    "pool": "measures.pool",
    "gop": "measures.gop",
    "transition_gop": "measures.transition_gop",
    "prosody": "measures.measure_prosody",
    "ctc_gop": "measures.ctc_gop",
    "train_learned_gop": "measures.learned_gop",
    "learned_gop": "measures.learned_gop",
    "train_baseline": "scoring.baselines",
    "train_scorer": "pronunciation.train_scorer",
    "synthetic_scores": "pronunciation.synthetic_scores",
    "pretrain_scorer": "pronunciation.pretrain_scorer",
    "activations": "pronunciation.activations",
    "unfreeze_scorer": "pronunciation.unfreeze_scorer",
    "parameters": "pronunciation.parameters",
    "paper_tables": "pronunciation.paper_tables",
    "train_grader": "grading.train_grader",
    "average_graders": "grading.average_graders",
    "evaluate_grader": "grading.evaluate_grader",
    "prepare_responses": "proficiency.prepare_responses",
    "expert_features": "proficiency.expert_features",
    "train_expert": "proficiency.train_expert",
    "train_mixture": "proficiency.train_mixture",
    "proficiency_tables": "proficiency.proficiency_tables",
    "combine_experts": "proficiency.combine_experts",
    "expert_tables": "proficiency.expert_tables",
    "answer_features": "answers.answer_features",
    "decoding_graph": "recognition.decoding_graph",
    "decode": "recognition.decode",
    "decode_vosk": "recognition.decode_vosk",
    "kaldi_decode": "recognition.kaldi_decode",
    "heard": "recognition.heard",
    "export_vosk": "recognition.export_vosk",
    "import_kaldi": "kaldi.import_kaldi",
    "ivectors": "kaldi.ivectors",
    "import_published": "kaldi.import_published",
    "export_published": "kaldi.export_published",
    "import_kaldi_gmm": "kaldi.import_kaldi_gmm",
    "export_kaldi": "kaldi.export_kaldi",
    "kaldi_lang": "kaldi.lang",
    "kaldi_shards": "kaldi.shards",
    "kaldi_gmm": "kaldi.gmm_systems",
    "kaldi_align": "kaldi.gmm_alignment",
    "kaldi_ivector_extractor": "kaldi.ivector_training",
    "kaldi_alignment": "kaldi.outputs",
    "kaldi_network": "kaldi.export_kaldi",
    "kaldi_posteriors": "kaldi.outputs",
    "bundle": "feedback.bundle",
    "bundle_grader": "feedback.bundle",
    "ship_bundle": "feedback.ship_bundle",
    "score": "feedback.score",
    "score_all": "feedback.score_all",
    "learner": "feedback.learner",
    "serve": "feedback.serve",
    "judge_model": "feedback.judge_model",
    "judge": "feedback.judge_recording",
    "judge_all": "feedback.judge_all",
    "init": "project.init",
    "evaluate": "evaluation.evaluate",
    "report": "evaluation.report",
    "quote": "evaluation.quote",
}
"""Stage -> room.module with the function of that name; the help groups them by room."""

PACKAGE = Path(__file__).parent


def load_stage(name: str) -> Callable[..., Any]:
    """The public function of a stage."""
    stage: Callable[..., Any] = getattr(imported(f"pyscorer.{STAGES[name]}"), name)
    return stage


def bare(hint: Any) -> Any:
    """A type without `| None`."""
    if isinstance(hint, types.UnionType):
        return next(a for a in typing.get_args(hint) if a is not type(None))
    return hint


def _is_path(hint: Any) -> bool:
    return Path in (bare(hint), *typing.get_args(bare(hint)))


def options_of(stage: Callable[..., Any]) -> dict[str, dict[str, Any]]:
    """JSON schemas of the options of a stage, each with default and description."""
    hints = typing.get_type_hints(stage, include_extras=True)
    found: dict[str, dict[str, Any]] = {}
    for name, parameter in inspect.signature(stage).parameters.items():
        hint = hints[name]
        if dataclasses.is_dataclass(hint):
            # A dataclass of nothing but paths names inputs.
            if not all(map(_is_path, typing.get_type_hints(hint).values())):
                found |= TypeAdapter(hint).json_schema()["properties"]
        elif parameter.default is not parameter.empty and not _is_path(hint):
            found[name] = TypeAdapter(hint).json_schema() | {"default": parameter.default}
    return {name: _plain(schema) for name, schema in found.items()}


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without what pydantic says besides; an option left out is how it may be None."""
    if schema.get("anyOf", [{}])[-1] == {"type": "null"}:
        schema = schema["anyOf"][0] | {k: v for k, v in schema.items() if k != "anyOf"}
    return {k: v for k, v in schema.items() if k != "title"}
