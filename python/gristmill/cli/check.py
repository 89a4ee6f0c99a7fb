"""`gristmill check`: is a recipe sound, and is everything that it names there? Reads shards, but no documents."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from gristmill.cli.options import add_recipe, add_verb, printer_of
from gristmill.cli.text import counted
from gristmill.errors import ExitCode, GristmillError

if TYPE_CHECKING:
    from gristmill.cli.options import Subparsers
    from gristmill.curate.plan import Plan
    from gristmill.recipe import Recipe
    from gristmill.train.proof import Proof


def add_parser(subparsers: Subparsers) -> None:
    """Declare the verb."""
    parser = add_verb(
        subparsers,
        "check",
        run,
        description="Validate a recipe and what it names: plugins, input paths, tokenizer, model; where "
        "`[train]` has shards already, prove what they teach. Reads no input data.",
    )
    add_recipe(parser)


def run(options: argparse.Namespace) -> int:
    """Check a recipe."""
    from gristmill.recipe import load_recipe

    printer = printer_of(options)
    recipe = load_recipe(options.recipe)
    require_tokens(recipe)
    # Imported after the recipe is known to be sound: it loads the native module.
    from gristmill.curate.plan import make_plan

    plan = make_plan(recipe)
    if recipe.train is not None:
        check_model(recipe, plan)
    proofs = prove_labels(recipe)
    found = {
        "recipe": str(options.recipe),
        "sources": len(recipe.sources),
        "files": len(plan.files),
        "steps": len(recipe.steps),
        "plugins": list(recipe.named_plugins),
        "tokens": recipe.tokens is not None,
        "train": recipe.train is not None,
    }
    printer.data(
        f"{options.recipe} is sound: {counted(len(recipe.sources), 'source')} with "
        f"{counted(len(plan.files), 'file')}, {counted(len(recipe.steps), 'step')}"
    )
    if plan.caveat:
        printer.data(f"caution: {plan.caveat}")
    for proof in proofs:
        printer.data(proof.describe())
    memory = foreseen_memory(recipe)
    if memory is not None:
        printer.data(memory)
    labels = {proof.split: proof.to_json() for proof in proofs}
    printer.result({"ok": True, **found, "caveat": plan.caveat, "labels": labels, "memory": memory})
    return ExitCode.DONE


def prove_labels(recipe: Recipe) -> list[Proof]:
    """Return the proofs of the shards that a recipe's run has made and `[train]` will use; none without such shards.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-054`` when training would not start on them.
    """
    if recipe.train is None or not (recipe.output / "manifest.json").is_file():
        return []
    from gristmill.train.proof import prove_run, require_proof_of_labels

    assert recipe.tokens is not None, "checked before"
    proofs = prove_run(recipe.output, tokenizer=recipe.resolve(recipe.tokens.tokenizer))
    for proof in proofs:
        require_proof_of_labels(proof)
    return proofs


def foreseen_memory(recipe: Recipe) -> str | None:
    """Return in a line what a step of the training needs; None without `[train]`, or where its packages are absent."""
    if recipe.train is None:
        return None
    from gristmill.cli.train_plan import plan_training, short_line

    try:
        return short_line(plan_training(recipe, output=None, memory_bytes=None, with_others=False))
    except GristmillError as error:
        # A recipe is sound without the training packages, and where the memory cannot be foreseen.
        if error.code in ("GM-TRAIN-013", "GM-TRAIN-061"):
            return None
        raise


def require_tokens(recipe: Recipe) -> None:
    """Raise ``GM-CLI-010`` for a recipe that trains on shards which it does not make."""
    if recipe.train is not None and recipe.tokens is None:
        raise GristmillError(
            "GM-CLI-010",
            "`[train]` needs shards, and the recipe has no `[tokens]`",
            hint='add `[tokens]` with `tokenizer = "tokenizer.json"`',
        )


def check_model(recipe: Recipe, plan: Plan) -> None:
    """Raise unless the model to train is there and has an embedding for every id of the tokenizer.

    Raises
    ------
    GristmillError
        ``GM-CLI-011`` for a model that cannot be used, ``GM-CLI-007`` for one that does not fit.
    """
    assert recipe.train is not None
    model = recipe.train.model
    config: object
    if isinstance(model, str):
        from gristmill.train.model_source import find_source

        try:
            source = find_source(recipe.resolve(model))
        except GristmillError as error:
            raise GristmillError(
                "GM-CLI-011",
                f"no model in `{recipe.resolve(model)}`: {error.message}",
                hint="`model` is a local Hugging Face folder, a GGUF file or an adapter; nothing is downloaded",
            ) from error
        config = None if source.is_gguf else json.loads((source.folder / "config.json").read_bytes())
    else:
        config = model.config
    known = config.get("vocab_size") if isinstance(config, dict) else None
    if isinstance(known, int) and plan.tokenizer is not None and plan.tokenizer.vocabulary_size > known:
        raise GristmillError(
            "GM-CLI-007",
            f"the tokenizer has {plan.tokenizer.vocabulary_size:,} ids, the model {known:,}",
            hint="use the model's own tokenizer, or set `vocab_size` of a model from scratch",
        )
