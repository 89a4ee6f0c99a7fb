"""What the user wrote: typed models of a recipe, TOML in and out, JSON Schema, suggestions for misspelt names.

`load_recipe` and `parse_recipe` are the entries; they read no data, no plugin and no tokenizer. Not here: what a
recipe means for files and tasks (`gristmill.curate.plan`), and keys of plugin steps (`gristmill.plugins`).
"""

from __future__ import annotations

from gristmill.recipe.builtin import BuiltinStep, RuleStep
from gristmill.recipe.dedup import ExactDedup, MinhashDedup
from gristmill.recipe.effective import effective_toml, toml_value
from gristmill.recipe.load import load_recipe, parse_recipe
from gristmill.recipe.model import AnyStep, Recipe, canonical_json, hash_json
from gristmill.recipe.plugin_use import Report, use_table
from gristmill.recipe.schema import KeyPage, json_schema, key_pages
from gristmill.recipe.sections import Run, Source, Tokens
from gristmill.recipe.semantic import SemanticDedup, derive_bands
from gristmill.recipe.split import Split
from gristmill.recipe.step_base import PluginStep, Rule, Step, Threshold
from gristmill.recipe.steps import BUILTIN_STEPS
from gristmill.recipe.training import FromScratch, Lora, Train

__all__ = [
    "BUILTIN_STEPS",
    "AnyStep",
    "BuiltinStep",
    "ExactDedup",
    "FromScratch",
    "KeyPage",
    "Lora",
    "MinhashDedup",
    "PluginStep",
    "Recipe",
    "Report",
    "Rule",
    "RuleStep",
    "Run",
    "SemanticDedup",
    "Source",
    "Split",
    "Step",
    "Threshold",
    "Tokens",
    "Train",
    "canonical_json",
    "derive_bands",
    "effective_toml",
    "hash_json",
    "json_schema",
    "key_pages",
    "load_recipe",
    "parse_recipe",
    "toml_value",
    "use_table",
]
