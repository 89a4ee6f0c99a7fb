"""The card of an exported model, and the data lineage it is made of.

`lineage_of` gathers what a training knows about its own data and settings; `render_card` turns that into the
`README.md` that hubs show. Facts only: what is not known is left out, and nothing is said about quality.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow.parquet as pq

import gristmill
from gristmill.errors import GristmillError
from gristmill.shards import Shards, digest_file, read_split
from gristmill.train.config import TrainConfig
from gristmill.train.files import read_json
from gristmill.train.model_source import ModelSource
from gristmill.train.progress import Progress

LICENCE_KEYS = ("license", "licence")
LICENCE_ROWS = 100_000
"""Documents looked at for licences: a card is not worth another pass over a corpus."""


def lineage_of(
    config: TrainConfig,
    folder: Path,
    *,
    source: ModelSource | None,
    shards: Shards,
    progress: Progress,
) -> dict[str, object]:
    """Return where a trained model comes from, as plain values.

    Time: a pass over the base's weights for their digests, and over the records of the batches.

    Parameters
    ----------
    folder
        The training's folder, whose records say what was seen.
    source
        The files of the base; None for a model from scratch.
    """
    run_dir = shards.manifest.run_dir
    manifest = read_json(run_dir / "manifest.json") or {}
    known = read_json(folder / "training.json") or {}
    return {
        "gristmill": gristmill.__version__,
        "training": {
            "fingerprint": known.get("fingerprint"),
            "config": _without_folders(known.get("config")),
            "steps": progress.step,
            "tokens": progress.placed_tokens,
            "trained_tokens": progress.trained_tokens,
            "loss": progress.last_loss,
            "first_validation_loss": progress.first_validation_loss,
            "last_validation_loss": progress.last_validation_loss,
        },
        "base": _base(config, source),
        "run": {
            "manifest": digest_file(run_dir / "manifest.json"),
            "plan": manifest.get("plan"),
            "steps": _steps(run_dir),
            "plugins": [
                {
                    name: plugin.get(name)
                    for name in ("use", "distribution", "distribution_version", "fingerprint")
                }
                for plugin in cast(Sequence[Mapping[str, object]], manifest.get("plugins") or ())
            ],
            "rules": [
                f"{rule.get('step')}.{rule.get('rule')} {rule.get('keep')} {rule.get('threshold')}"
                for rule in cast(Sequence[Mapping[str, object]], manifest.get("thresholds") or ())
            ],
        },
        "tokenizer": shards.metadata.tokenizer_digest,
        "shards": {split: _shards_of(run_dir, split) for split in ("train", "validation")},
        "sources": _sources(folder, shards, run_dir),
    }


def _shards_of(run_dir: Path, split: str) -> list[dict[str, object]]:
    try:
        files = read_split(run_dir, split).files
    except GristmillError:
        return []
    return [{"path": file.path, "digest": file.digest, "documents": file.num_documents} for file in files]


def _base(config: TrainConfig, source: ModelSource | None) -> dict[str, object]:
    if source is None:
        return {"config": config.model}
    return {
        # Its name alone: the folder of one machine means nothing elsewhere, and the digests say which model it was.
        "name": source.weights.resolve().name,
        "licence": _licence_of_base(source.folder),
        "files": {file.name: digest_file(file) for file in source.files()},
    }


def _licence_of_base(folder: Path) -> str | None:
    """Return what the front matter of a model folder's own card says."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    head = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
    found = re.search(r"^license:\s*(\S+)\s*$", head.group(1), re.MULTILINE) if head else None
    return found.group(1) if found else None


def _without_folders(config: object) -> object:
    """Return a training's settings with names in place of this machine's paths."""
    if not isinstance(config, Mapping):
        return config
    return {
        key: Path(value).name if key in ("model", "tokenizer") and isinstance(value, str) else value
        for key, value in config.items()
    }


def _steps(run_dir: Path) -> list[str]:
    """Return the rules of the recipe that made the shards, in order."""
    try:
        recipe = tomllib.loads((run_dir / "recipe.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [str(step.get("use")) for step in recipe.get("step", [])]


def _sources(folder: Path, shards: Shards, run_dir: Path) -> list[dict[str, object]]:
    """Return what each source gave: documents in the split, and tokens in rows and trained on, over all epochs."""
    names = list(shards.sources)
    indices = shards.source_indices().to_numpy(zero_copy_only=False)
    placed, trained = np.zeros(len(names), np.int64), np.zeros(len(names), np.int64)
    for part in sorted((folder / "batches").glob("*.parquet")):
        table = pq.read_table(part, columns=["index", "start", "stop", "trained"])
        column = {name: table[name].to_numpy().astype(np.int64) for name in table.column_names}
        of_piece = indices[column["index"]]
        np.add.at(placed, of_piece, column["stop"] - column["start"])
        np.add.at(trained, of_piece, column["trained"])
    documents = np.bincount(indices, minlength=len(names))
    licences = _licences(run_dir)
    return [
        {
            "name": name,
            "documents": int(documents[number]),
            "tokens": int(placed[number]),
            "trained_tokens": int(trained[number]),
            "licences": dict(sorted(licences.get(name, Counter()).items())),
        }
        for number, name in enumerate(names)
    ]


def _licences(run_dir: Path) -> dict[str, Counter[str]]:
    """Count the licences that the metadata of the first `LICENCE_ROWS` kept documents name, by source."""
    found: dict[str, Counter[str]] = {}
    num_rows = 0
    for part in sorted((run_dir / "documents").glob("*.parquet")):
        for batch in pq.ParquetFile(part).iter_batches(columns=["source", "metadata"]):
            for source, metadata in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                licence = _licence_in(metadata)
                if licence is not None:
                    found.setdefault(source, Counter())[licence] += 1
            num_rows += len(batch)
            if num_rows >= LICENCE_ROWS:
                return found
    return found


def _licence_in(metadata: str | None) -> str | None:
    """Return the licence that a document's metadata names.

    Examples
    --------
    >>> _licence_in('{"license": "cc-by-4.0"}'), _licence_in('{"title": "x"}'), _licence_in(None)
    ('cc-by-4.0', None, None)
    """
    if not metadata or not any(key in metadata for key in LICENCE_KEYS):
        return None
    try:
        values = json.loads(metadata)
    except ValueError:
        return None
    named = [values[key] for key in LICENCE_KEYS if key in values] if isinstance(values, dict) else []
    return str(named[0]) if named and named[0] is not None else None


def render_card(lineage: Mapping[str, object], *, library: str) -> str:
    """Return a model card in Markdown, with the front matter that hubs read.

    Parameters
    ----------
    lineage
        What `lineage_of` returns, with what the export adds.
    library
        ``transformers`` or ``peft``.

    Examples
    --------
    >>> card = render_card({"gristmill": "0.1.0", "base": {"name": "models/small"}}, library="peft")
    >>> card.splitlines()[:5]
    ['---', 'library_name: peft', 'tags:', '- gristmill', 'base_model: models/small']
    """
    base = _table(lineage, "base")
    training, run = _table(lineage, "training"), _table(lineage, "run")
    config = _table(training, "config")
    head = ["---", f"library_name: {library}", "tags:", "- gristmill"]
    head += [f"base_model: {base['name']}"] if base.get("name") else []
    head += [f"license: {base['licence']}"] if base.get("licence") else []
    name = Path(str(base["name"])).name if base.get("name") else "a model from scratch"
    lines = [*head, "---", "", f"# {name}, trained by gristmill {lineage.get('gristmill')}", ""]
    lines += _rows(
        ("what", "value"),
        [
            ("method", config.get("method")),
            ("task", config.get("task")),
            ("seed", config.get("seed")),
            ("steps", training.get("steps")),
            ("tokens in rows", training.get("tokens")),
            ("tokens trained on", training.get("trained_tokens")),
            ("loss of the last step", training.get("loss")),
            ("validation loss before", training.get("first_validation_loss")),
            ("validation loss after", training.get("last_validation_loss")),
            ("fingerprint of the training", training.get("fingerprint")),
        ],
    )
    lines += ["", "## Data", ""]
    lines += _rows(
        ("source", "documents", "tokens in rows", "tokens trained on", "licences named by its documents"),
        [
            (
                source["name"],
                source["documents"],
                source["tokens"],
                source["trained_tokens"],
                ", ".join(f"{key} ({count})" for key, count in _table(source, "licences").items())
                or "not known",
            )
            for source in _list(lineage, "sources")
        ],
    )
    lines += ["", "Tokens are counted over all epochs. What made the data:", ""]
    lines += _rows(
        ("what", "value"),
        [
            ("manifest", run.get("manifest")),
            ("plan", run.get("plan")),
            ("tokenizer", lineage.get("tokenizer")),
            ("steps of the recipe", ", ".join(map(str, _items(run, "steps"))) or None),
            ("thresholds", ", ".join(map(str, _items(run, "rules"))) or None),
            *(
                ("plugin", f"{plugin['use']} {plugin.get('distribution_version') or ''}".strip())
                for plugin in _list(run, "plugins")
            ),
        ],
    )
    for split, files in _table(lineage, "shards").items():
        if not files:
            continue
        lines += ["", f"Shards of the split `{split}`:", ""]
        lines += _rows(
            ("file", "documents", "digest"),
            [
                (file["path"], file["documents"], file["digest"])
                for file in cast(Iterable[Mapping[str, object]], files)
            ],
        )
    merge = _table(lineage, "merge")
    if merge:
        lines += ["", "## Merged adapters", ""]
        unchanged, error = (float(str(merge[name])) for name in ("unchanged_share", "relative_error"))
        lines.append(
            f"Saved in bf16, {unchanged:.1%} of the changed weights would be as they were before, and the update would "
            f"be off by {error:.1%} of its size. These weights are float32."
        )
    if config:
        lines += ["", "## Settings", "", "```json"]
        lines += [json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False), "```"]
    return "\n".join(lines) + "\n"


def _rows(names: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return a table in Markdown, without the rows whose last value is not known."""
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(names)}"]
    return lines + [
        f"| {' | '.join(str(value).replace('|', chr(92) + '|') for value in row)} |"
        for row in rows
        if row[-1] is not None
    ]


def _table(values: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}


def _list(values: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    return [item for item in _items(values, name) if isinstance(item, Mapping)]


def _items(values: Mapping[str, object], name: str) -> Sequence[object]:
    found = values.get(name)
    return found if isinstance(found, Sequence) and not isinstance(found, str) else ()
