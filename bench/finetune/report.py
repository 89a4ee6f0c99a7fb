"""The figures of a task: every arm on the sealed test with intervals, what was tried on validation rows, machine.

Writes `bench/results/finetune/NAME.json`, predictions included, and `NAME.md`.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from common import NUM_THREADS, RESULTS, write_json

from gristmill.metrics import (
    accuracy,
    bootstrap_interval,
    calibration_error,
    macro_f1,
    mcnemar_exact,
    softmax,
    t_interval,
)

if TYPE_CHECKING:
    from labels import LabelTask

NUM_DRAWS = 10_000


def write_report(task: LabelTask) -> None:
    """Write the figures of every arm that has been scored."""
    from labels import accuracy as development_accuracy
    from labels import chosen, development_rows

    rows = task.rows_of("test")
    labels = np.array([task.labels.index(row["response"]) for row in rows])
    arms = {}
    for path in sorted((task.work / "test").glob("*.json")):
        arms[path.stem] = arm_of(labels, np.array(json.loads(path.read_text())), len(task.labels))
    tried = {
        path.stem: development_accuracy(task, development_rows(task), json.loads(path.read_text()))
        for path in sorted((task.work / "development").glob("*.json"))
    }
    tuned = {name: arm for name, arm in arms.items() if name.startswith("tuned-")}
    base = {name: arm for name, arm in arms.items() if name.startswith("base-")}
    best = max(base, key=lambda name: base[name]["macro_f1"])
    report = {
        "task": task.name,
        "model": task.model.name,
        "rows": {split: len(task.rows_of(split)) for split in ("train", "validation", "test")},
        "arms": arms,
        "tuned": {
            name: {
                "values": [arm[name] for arm in tuned.values()],
                "interval": t_interval([arm[name] for arm in tuned.values()]).to_json()
                if len(tuned) > 1
                else None,
            }
            for name in ("accuracy", "macro_f1")
        },
        "against": {
            "best_base": best,
            "mcnemar_p": {
                name: mcnemar_exact(np.array(arm["is_right"]), np.array(base[best]["is_right"]))
                for name, arm in tuned.items()
            },
        },
        "prompts": {str(num): [form.name, draw] for num, (form, draw) in chosen(task).items()},
        "development_accuracy": tried,
        "training": {path.parent.parent.name: training_of(path) for path in results_of(task)},
        "command": f"python bench/finetune/{task.name}.py --work FOLDER",
        "machine": {
            "processor": platform.machine(),
            "threads": NUM_THREADS,
            "load_average": os.getloadavg()[0],
            "python": platform.python_version(),
        },
    }
    write_json(RESULTS / f"{task.name}.json", report, indent=1)
    (RESULTS / f"{task.name}.md").write_text(table_of(task, report), encoding="utf-8")


def results_of(task: LabelTask) -> list[object]:
    """Return the result file of every seed."""
    return sorted(task.work.glob("seed-*/train/result.json"))


def training_of(path: object) -> Mapping[str, object]:
    """Return what a training says of itself."""
    from pathlib import Path

    found = json.loads(Path(str(path)).read_text(encoding="utf-8"))
    names = ("steps", "trained_tokens", "first_validation_loss", "last_validation_loss", "fingerprint")
    return {name: found[name] for name in names}


def arm_of(
    labels: npt.NDArray[np.int64], scores: npt.NDArray[np.float64], num_classes: int
) -> dict[str, object]:
    """Return the scores of one arm; `scores` are log-likelihoods of the label words, a row a document."""
    predictions = scores.argmax(1)
    is_right = predictions == labels
    confidences = softmax(scores).max(1)

    def f1(places: npt.NDArray[np.int64]) -> float:
        return macro_f1(labels[places], predictions[places], num_classes=num_classes)

    return {
        "accuracy": accuracy(labels, predictions),
        "macro_f1": f1(np.arange(len(labels))),
        "macro_f1_interval": bootstrap_interval(f1, len(labels), num_draws=NUM_DRAWS, seed=0).to_json(),
        "calibration_error": calibration_error(confidences, is_right),
        "is_right": [bool(right) for right in is_right],
    }


def table_of(task: LabelTask, report: Mapping[str, object]) -> str:
    """Return the arms as a table in Markdown."""
    arms = report["arms"]
    assert isinstance(arms, dict)
    rows = report["rows"]
    assert isinstance(rows, dict)
    lines = [
        f"# {task.name}: {task.model.name}, base and tuned",
        "",
        (
            f"{rows['train']} rows trained on, {rows['validation']} for validation, {rows['test']} in the sealed test, "
            "split by gristmill without near duplicates across. Each arm was scored once, by the likelihood of the "
            "label words; the base model's format and examples are those that did best on validation rows. Intervals: "
            "95 %, bootstrap over rows."
        ),
        "",
        f"`{report['command']}`",
        "",
        "| arm | accuracy | macro-F1 | interval | calibration error |",
        "|---|---:|---:|---|---:|",
    ]
    for name, arm in arms.items():
        interval = arm["macro_f1_interval"]
        lines.append(
            f"| {name} | {arm['accuracy']:.3f} | {arm['macro_f1']:.3f} | {interval['low']:.3f} to "
            f"{interval['high']:.3f} | {arm['calibration_error']:.3f} |"
        )
    tuned = report["tuned"]
    against = report["against"]
    assert isinstance(tuned, dict)
    assert isinstance(against, dict)
    values = tuned["macro_f1"]["values"]
    interval = tuned["macro_f1"]["interval"]
    spread = "" if interval is None else f", 95 % t-interval {interval['low']:.3f} to {interval['high']:.3f}"
    p_values = ", ".join(f"{value:.2g}" for value in against["mcnemar_p"].values())
    lines += [
        "",
        (
            f"Tuned macro-F1 over {len(values)} seeds: mean {np.mean(values):.3f}{spread}. Against "
            f"`{against['best_base']}`, the base model's best arm, exact McNemar p by seed: {p_values}."
        ),
        "",
    ]
    return "\n".join(lines)
