"""What a plan checks of plugins outside of steps: sections of the report, callbacks of training, files of extractors.

Names and keys are checked so that a run cannot fail on them hours later. Sections and callbacks change no document, and
so are no part of a plan's identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gristmill.curate.inputs import LINE_SUFFIXES, has_known_suffix
from gristmill.errors import GristmillError
from gristmill.recipe import Recipe, use_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gristmill.curate.inputs import InputFile
    from gristmill.plugins.manager import PluginManager


def check_other_uses(recipe: Recipe, manager: PluginManager) -> None:
    """Activate every section and callback that the recipe names.

    Raises
    ------
    GristmillError
        GM-PLUGIN-002, -008 or -009.
    """
    for written in recipe.report.sections:
        manager.activate_as("report_section", use_table(written))
    for written in () if recipe.train is None else recipe.train.plugin_callbacks:
        manager.activate_as("trainer_callback", use_table(written))


def check_extracted_files(recipe: Recipe, files: Sequence[InputFile]) -> None:
    """Refuse files whose lines an extractor would be given, and whose names do not say that they hold lines.

    The reader behind an extractor goes by the suffix, for compression too; ``format = "jsonl"`` cannot overrule it.

    Raises
    ------
    GristmillError
        GM-PLAN-106.
    """
    by_lines = {
        position
        for position, source in enumerate(recipe.sources)
        if source.extract is not None and source.format == "jsonl"
    }
    for file in files:
        name = file.relative_path.lower()
        if file.source in by_lines and (not has_known_suffix(name) or name.endswith(".parquet")):
            raise GristmillError(
                "GM-PLAN-106",
                f"the name of `{file.relative_path}` does not tell its format",
                hint=f"with `extract`, files of lines end in {', '.join(f'`{one}`' for one in LINE_SUFFIXES)}, "
                "with `.gz` or `.zst` behind it where they are compressed",
                context=(f"in source `{recipe.sources[file.source].name}`", str(file.path)),
            )
