"""What plugin steps did and took, task by task: written beside the task manifests, added up when a run is finished.

Times are in it, so it is outside every digest: files in `work/plugins/`, one a task, and an event in `events.jsonl`.
A task that an earlier run committed is counted with what it took then.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gristmill.curate.folder import RunFolder, load_json, write_atomically

if TYPE_CHECKING:
    from gristmill.plugins.active import ActiveOperator
    from gristmill.plugins.calls import OperatorStats

Json = Mapping[str, object]
STAGE = "plugins"
"""Name of the event."""
PARTS = ("extractor", "steps")
"""Who is accounted for apart: the plugin that makes texts, and the steps behind it."""


def write_account(
    place: Json,
    operators: Sequence[ActiveOperator],
    stats: Mapping[str, OperatorStats],
    *,
    part: str = "steps",
) -> None:
    """Write what the operators of a task did, before it commits."""
    path = _account(Path(str(place["manifest"])), part)
    path.parent.mkdir(exist_ok=True)
    account = {
        operator.step: {
            "use": operator.use,
            "kind": operator.kind,
            "tier": operator.tier,
            "isolation": operator.containment.isolation,
            **dataclasses.asdict(stats[operator.step]),
        }
        for operator in operators
    }
    write_atomically(path, json.dumps(account).encode())


def total(folder: RunFolder, tasks: Sequence[Json]) -> tuple[dict[str, dict[str, object]], int]:
    """Return the sums of tasks by step, in step order, and of how many tasks there was an account."""
    sums: dict[str, dict[str, object]] = {}
    num_found = 0
    for found in tasks:
        manifest = folder.task_manifest(
            str(found["stage"]), cast(int, found["index"]), str(found["fingerprint"])
        )
        accounts = [path for part in PARTS if (path := _account(manifest, part)).is_file()]
        num_found += bool(accounts)
        for step, counts in (item for path in accounts for item in load_json(path).items()):
            known = sums.setdefault(step, {})
            for name, value in cast(Json, counts).items():
                is_count = isinstance(value, (int, float)) and name != "tier"
                known[name] = cast(float, known.get(name, 0)) + cast(float, value) if is_count else value
    return sums, num_found


def record(folder: RunFolder, tasks: Sequence[Json]) -> None:
    """Append the sums to `events.jsonl`, and warn of operators that run document by document in Python."""
    sums, num_found = total(folder, tasks)
    if not sums:
        return
    from gristmill.plugins.host import faster_tier

    event = {"time_s": round(time.time(), 3), "stage": STAGE, "done": num_found, "total": len(tasks)}
    with (folder.root / "events.jsonl").open("a", encoding="utf-8") as handle:
        handle.write(json.dumps({**event, "message": "", "operators": sums}) + "\n")
    for step, counts in sums.items():
        elapsed_s = cast(float, counts["elapsed_s"])
        if counts["tier"] == 3 and elapsed_s:
            logging.getLogger(f"gristmill.plugin.{counts['use']}").warning(
                "`%s` did %.0f documents/s, one by one in Python; %s is faster",
                step,
                cast(int, counts["num_documents"]) / elapsed_s,
                faster_tier(str(counts["kind"])),
            )


def _account(manifest: Path, part: str) -> Path:
    return manifest.parent.parent / "plugins" / f"{manifest.stem}-{part}.json"
