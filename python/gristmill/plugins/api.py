r"""The only module a plugin imports: kinds of operator, configuration, the hook marker, polars' expressions.

A plugin is a module with ``gristmill_api = 1`` and one function for each kind of operator it offers::

    from gristmill.plugins.api import Signal, col, hookimpl

    gristmill_api = 1

    class QuestionMarks(Signal):
        name, version = "question_marks", 1
        outputs = {"num_question_marks": "uint32"}

        def expr(self):
            return col("text").str.count_matches(r"\?").alias("num_question_marks")

    @hookimpl
    def register_signals(register):
        register(QuestionMarks)

polars is imported when one of its words is first used, not before.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from gristmill.plugins.callbacks import TrainerCallback, TrainingState
from gristmill.plugins.commands import Command, CommandError
from gristmill.plugins.config import Field, NoConfig, frozen_config
from gristmill.plugins.deciders import GroupDecider, per_group
from gristmill.plugins.extractors import Extractor
from gristmill.plugins.hookspecs import API_MAJOR, Register, hookimpl
from gristmill.plugins.observers import RunInfo
from gristmill.plugins.operators import (
    Context,
    Filter,
    Operator,
    Output,
    Reader,
    Signal,
    Transform,
    per_document,
)
from gristmill.plugins.sections import ReportSection, RunView, Section, SectionBars, SectionTable

if TYPE_CHECKING:
    from polars import (
        Boolean,
        Expr,
        Float32,
        Float64,
        Int32,
        Int64,
        String,
        UInt32,
        UInt64,
        coalesce,
        col,
        concat_str,
        lit,
        max_horizontal,
        min_horizontal,
        sum_horizontal,
        when,
    )

__all__ = [
    "API_MAJOR",
    "Boolean",
    "Command",
    "CommandError",
    "Context",
    "Expr",
    "Extractor",
    "Field",
    "Filter",
    "Float32",
    "Float64",
    "GroupDecider",
    "Int32",
    "Int64",
    "NoConfig",
    "Operator",
    "Output",
    "Reader",
    "Register",
    "ReportSection",
    "RunInfo",
    "RunView",
    "Section",
    "SectionBars",
    "SectionTable",
    "Signal",
    "String",
    "TrainerCallback",
    "TrainingState",
    "Transform",
    "UInt32",
    "UInt64",
    "coalesce",
    "col",
    "concat_str",
    "frozen_config",
    "hookimpl",
    "lit",
    "max_horizontal",
    "min_horizontal",
    "per_document",
    "per_group",
    "sum_horizontal",
    "when",
]


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(importlib.import_module("polars"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
