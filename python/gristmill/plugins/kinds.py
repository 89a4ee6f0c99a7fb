"""The kinds of things a plugin can offer: class, hook and required attributes of each, in one table.

Not here: the classes (a file each, and `operators`), the hooks (`hookspecs`), loading (`manager`).
"""

from __future__ import annotations

from dataclasses import dataclass

from gristmill.plugins.callbacks import TrainerCallback
from gristmill.plugins.commands import Command
from gristmill.plugins.deciders import GroupDecider
from gristmill.plugins.extractors import Extractor
from gristmill.plugins.operators import Filter, Operator, Reader, Signal, Transform
from gristmill.plugins.sections import ReportSection


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of operator.

    Parameters
    ----------
    name
        As `gristmill plugin list` and `--kind` say it.
    base
        The class that authors derive from.
    hook
        The hook that registers it.
    required
        Attributes beside `name` and `version` that a class must have.
    used_as
        How a recipe or command line names it.
    """

    name: str
    base: type[Operator]
    hook: str
    used_as: str
    required: tuple[str, ...] = ()


ALL = (
    Kind(name="reader", base=Reader, hook="register_readers", used_as='`format = "<name>"` in `[[source]]`'),
    Kind(
        name="extractor",
        base=Extractor,
        hook="register_extractors",
        used_as='`extract = "<name>"` in `[[source]]`',
    ),
    Kind(
        name="transform", base=Transform, hook="register_transforms", used_as='`use = "<name>"` in `[[step]]`'
    ),
    Kind(
        name="signal",
        base=Signal,
        hook="register_signals",
        used_as='`use = "<name>"` in `[[step]]`',
        required=("outputs",),
    ),
    Kind(
        name="filter",
        base=Filter,
        hook="register_filters",
        used_as='`use = "<name>"` in `[[step]]`',
        required=("reason",),
    ),
    Kind(
        name="decider",
        base=GroupDecider,
        hook="register_deciders",
        used_as='`use = "<name>"` and `by` in `[[step]]`',
        required=("reasons",),
    ),
    Kind(
        name="report_section",
        base=ReportSection,
        hook="register_report_sections",
        used_as="`sections` in `[report]`, or any step of its plugin",
    ),
    Kind(
        name="trainer_callback",
        base=TrainerCallback,
        hook="register_trainer_callbacks",
        used_as="`callbacks` in `[train]`",
    ),
    Kind(name="command", base=Command, hook="register_commands", used_as="`gristmill <plugin> <name>`"),
)
"""Every kind, in the order in which documents meet them."""

KINDS = {kind.name: kind for kind in ALL}
STEP_KINDS = ("signal", "transform", "filter")
"""Kinds that a `[[step]]` without `by` may use."""
OF_DOCUMENTS = (*STEP_KINDS, "extractor", "decider")
"""Kinds that are given documents in batches."""
READS_NOTHING = ("reader", "report_section", "trainer_callback", "command")
"""Kinds that no batch is given to: they have no inputs."""
MAY_READ_NOTHING = (*READS_NOTHING, "decider")
"""Kinds that need not name inputs: those, and what may go by the order of documents in a group alone."""
