"""Operators of plugins that a recipe names outside of steps: sections of the report and callbacks of training.

A plan checks that they are there and that their keys fit, so that a run cannot fail on them hours later. They change no
document, and so are no part of a plan's identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gristmill.recipe import Recipe, use_table

if TYPE_CHECKING:
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
    for written in () if recipe.train is None else recipe.train.callbacks:
        manager.activate_as("trainer_callback", use_table(written))
