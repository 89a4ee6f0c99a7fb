"""gristmill's side, as a whole run: `minhash_dedup` with datatrove's semantics and without verification."""

from __future__ import annotations

import json
from importlib.metadata import version

import polars as pl
from measure import Task, run

import gristmill


def deduplicate(task: Task) -> None:
    """Write a recipe, run it, read what was rejected."""
    recipe = task.scratch / "recipe.toml"
    recipe.write_text(
        "\n".join(
            [
                "[run]",
                'output = "run"',
                "[[source]]",
                'name = "documents"',
                f"paths = [{json.dumps(str(task.documents.resolve()))}]",
                'text = "text"',
                'id = "id"',
                "removal_budget = 1.0",
                "[[step]]",
                'use = "minhash_dedup"',
                'semantics = "datatrove"',
                "verify = false",
                "max_cluster_fraction = 1.0",
                *(f"{key} = {json.dumps(value)}" for key, value in task.settings.items()),
            ]
        ),
        encoding="utf-8",
    )
    done = gristmill.curate(recipe, workers=1)
    gone = set(done.rejects().select("id").collect()["id"])
    task.write((name, name in gone, None) for name, _ in task.read())


if __name__ == "__main__":
    pl.DataFrame({"id": [""]})
    run(deduplicate, {"gristmill": version("gristmill")})
