"""The work of a task whose answer is one of a few label words: tune, choose prompts, score the sealed test, report."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import TUNED, Format, Scorer, curated, once, say, split_ids, tuned

Row = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class LabelTask:
    """What differs between tasks.

    `rows` by id have `prompt` and `response`, the label word; `recipes` are by seed and differ in nothing else.
    """

    name: str
    work: Path
    model: Path
    rows: Mapping[str, Row]
    labels: Sequence[str]
    recipes: Mapping[int, Path]
    formats: Sequence[Format]
    num_examples: Sequence[int]
    num_draws: int
    num_development: int

    @property
    def run(self) -> Path:
        """The curated run that all seeds train on."""
        return self.work / "run"

    def rows_of(self, split: str) -> list[Row]:
        """Return the rows of a split, in the order of the shards."""
        return [self.rows[name] for name in split_ids(self.run)[split]]


def run(task: LabelTask, *, only: str | None) -> None:
    """Do every part of the work, or one."""
    curated(next(iter(task.recipes.values())), task.run)
    for name, part in (("tune", tune), ("base", choose), ("test", score_test)):
        if only in (None, name):
            part(task)
    if only in (None, "report"):
        from report import write_report

        write_report(task)


def tune(task: LabelTask) -> None:
    """Train every seed."""
    for seed, recipe in task.recipes.items():
        tuned(recipe, task.run, task.work / f"seed-{seed}")


def examples_of(task: LabelTask, num: int, draw: int) -> list[Row]:
    """Return `num` trained rows, as evenly over the labels as they go, in mixed order."""
    chance = random.Random(f"{task.name}/{num}/{draw}")
    trained = task.rows_of("train")
    chance.shuffle(trained)
    by_label = {label: [row for row in trained if row["response"] == label] for label in task.labels}
    order = list(task.labels)
    chance.shuffle(order)
    taken = [by_label[order[number % len(order)]][number // len(order)] for number in range(num)]
    chance.shuffle(taken)
    return taken


def development_rows(task: LabelTask) -> list[Row]:
    """Return the validation rows that prompts are chosen on."""
    return task.rows_of("validation")[: task.num_development]


def accuracy(task: LabelTask, rows: Sequence[Row], scores: Sequence[Sequence[float]]) -> float:
    """Return the share of rows whose most likely label is theirs."""
    right = sum(
        task.labels[max(range(len(task.labels)), key=lambda number: own[number])] == row["response"]
        for row, own in zip(rows, scores, strict=True)
    )
    return right / len(rows)


def choose(task: LabelTask) -> None:
    """Score every prompt of the base model on validation rows."""
    scorer = None
    rows = development_rows(task)
    for num in task.num_examples:
        for form in task.formats:
            for draw in range(task.num_draws if num else 1):
                path = task.work / f"development/{form.name}-{num}-{draw}.json"
                if path.is_file():
                    continue
                scorer = scorer or Scorer(task.model)
                examples = examples_of(task, num, draw)
                scores = scorer.label_scores(form, task.labels, rows, examples=examples)
                once(path, lambda scores=scores: scores)
                say(f"{form.name}, {num} examples, draw {draw}: {accuracy(task, rows, scores):.3f}")


def chosen(task: LabelTask) -> dict[int, tuple[Format, int]]:
    """Return, for each number of examples, the format and draw that did best on validation rows."""
    rows = development_rows(task)
    found = {}
    for num in task.num_examples:
        tried = [
            (accuracy(task, rows, json.loads(path.read_text())), form, draw)
            for form in task.formats
            for draw in range(task.num_draws if num else 1)
            if (path := task.work / f"development/{form.name}-{num}-{draw}.json")
        ]
        _, form, draw = max(tried, key=lambda one: one[0])
        found[num] = (form, draw)
    return found


def score_test(task: LabelTask) -> None:
    """Score the sealed test, once an arm: what has a file is never scored again."""
    rows = task.rows_of("test")
    base = None
    for num, (form, draw) in chosen(task).items():
        path = task.work / f"test/base-{num}.json"
        if not path.is_file():
            base = base or Scorer(task.model)
            examples = examples_of(task, num, draw)
            scores = base.label_scores(form, task.labels, rows, examples=examples)
            once(path, lambda scores=scores: scores)
            say(f"test, base with {num} examples: {accuracy(task, rows, scores):.3f}")
    del base
    for seed in task.recipes:
        path = task.work / f"test/tuned-{seed}.json"
        if not path.is_file():
            scorer = Scorer(task.work / f"seed-{seed}/train/model")
            scores = scorer.label_scores(TUNED, task.labels, rows)
            once(path, lambda scores=scores: scores)
            say(f"test, tuned with seed {seed}: {accuracy(task, rows, scores):.3f}")
