"""One training under several seeds: what the seed alone makes of the result, and the best of them.

Fine-tuning on little data depends on chance (Dodge et al. 2020; Mosbach et al. 2021): a difference between two recipes
says nothing until it is larger than the spread of seeds. Each seed is a training of its own, in `train/seed-<seed>/`,
and can be continued as any other. Their mean, spread and interval, and which of them collapsed, are in `result.json`;
the model of the best by validation loss is `train/model`.
"""

from __future__ import annotations

import math
import os
import shutil
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gristmill.errors import GristmillError
from gristmill.metrics import t_interval
from gristmill.plugins.active import ActiveOperator
from gristmill.shards import open_shards
from gristmill.train.config import TrainConfig
from gristmill.train.events import OnEvent, make_event
from gristmill.train.files import read_json, sync, write_json
from gristmill.train.result import TrainResult, write_result
from gristmill.train.run import OWNED, train

COLLAPSED = 0.5
"""A seed has collapsed if its validation loss fell by less than this share of what the best seed's fell by."""


def train_seeds(
    config: TrainConfig,
    run_dir: Path,
    *,
    on_event: OnEvent,
    should_stop: Callable[[], bool] = lambda: False,
    callbacks: Sequence[ActiveOperator] = (),
    folder: Path | None = None,
    processes: int | None = None,
) -> TrainResult:
    """Train with the seeds ``seed``, ``seed + 1``, ...; return the best one's result, with all in its `seeds`.

    Parameters are those of `train`; `config.seeds` says how many.

    Raises
    ------
    GristmillError
        ``GM-TRAIN-032`` without a validation split, and what `train` raises.
    """
    folder = run_dir / "train" if folder is None else folder
    if not _has_validation(run_dir):
        raise GristmillError(
            "GM-TRAIN-032",
            "several seeds are compared by their validation losses, and there is no validation split",
            hint="hold documents out with `[split]` and curate again, or train one seed",
        )
    results: dict[int, TrainResult] = {}
    for number in range(config.seeds):
        seed = config.seed + number
        result = train(
            replace(config, seed=seed, seeds=1),
            run_dir,
            on_event=_of_seed(on_event, seed, number, config.seeds),
            should_stop=should_stop,
            callbacks=callbacks,
            folder=folder / f"seed-{seed}",
            processes=processes,
        )
        if not result.is_complete:
            return result
        results[seed] = result
    summary = summarise(results)
    best = results[int(str(summary["best"]))]
    on_event(make_event(best.steps, best.steps, f"the best of {config.seeds} seeds is {summary['best']}"))
    return _publish(folder, best, summary, was_finished=all(one.was_finished for one in results.values()))


def _has_validation(run_dir: Path) -> bool:
    try:
        return open_shards(run_dir, "validation", verify=False).num_tokens > 0
    except GristmillError as error:
        if error.code != "GM-SHARDS-003":
            raise
        return False


def summarise(results: Mapping[int, TrainResult]) -> dict[str, object]:
    """Return what seeds made of each number that trainings end with, as plain values.

    ``metrics`` has for each number that all seeds have (`validation_loss` first) its ``values`` by seed, ``mean``,
    ``sd`` (n - 1 in its denominator) and the ends of the 95 % t-interval of the mean; ``best`` is the seed with the
    lowest validation loss, ``collapsed`` lists those that learnt less than half as much as it, or ended without a
    finite loss. Means are over all seeds, collapsed ones included.
    """
    losses = {seed: _loss(result) for seed, result in results.items()}
    best = min(losses, key=lambda seed: math.inf if (loss := losses[seed]) is None else loss)
    names = sorted({name for result in results.values() for name in result.exported}, key=_validation_first)
    metrics = {}
    for name in names:
        values = [result.exported.get(name) for result in results.values()]
        numbers = [float(value) for value in values if isinstance(value, int | float)]
        if len(numbers) < len(results):
            continue
        interval = t_interval(numbers)
        metrics[name] = {
            "values": {str(seed): number for seed, number in zip(results, numbers, strict=True)},
            "mean": interval.value,
            "sd": statistics.stdev(numbers) if len(numbers) > 1 else None,
            "low": interval.low if math.isfinite(interval.low) else None,
            "high": interval.high if math.isfinite(interval.high) else None,
        }
    return {
        "seeds": list(results),
        "best": best,
        "collapsed": [seed for seed, result in results.items() if _has_collapsed(result, results[best])],
        "metrics": metrics,
    }


def _validation_first(name: str) -> tuple[bool, str]:
    return name != "validation_loss", name


def _loss(result: TrainResult) -> float | None:
    found = result.exported.get("validation_loss")
    return found if isinstance(found, float) else None


def _has_collapsed(result: TrainResult, best: TrainResult) -> bool:
    loss, best_loss = _loss(result), _loss(best)
    if loss is None or best_loss is None:
        return True
    if result.first_validation_loss is None or best.first_validation_loss is None:
        return False
    learnt, best_learnt = result.first_validation_loss - loss, best.first_validation_loss - best_loss
    return best_learnt > 0 and learnt < COLLAPSED * best_learnt


def _of_seed(on_event: OnEvent, seed: int, number: int, seeds: int) -> OnEvent:
    def told(event: Mapping[str, object]) -> None:
        on_event(
            {**event, "message": f"seed {seed} ({number + 1} of {seeds}): {event['message']}", "seed": seed}
        )

    return told


def _publish(
    folder: Path, best: TrainResult, summary: Mapping[str, object], *, was_finished: bool
) -> TrainResult:
    """Put the best seed's model at the place where one training's model lies, and write the result."""
    known = read_json(folder / "result.json")
    fingerprint = str((read_json(best.folder / "training.json") or {}).get("fingerprint"))
    result = replace(
        best,
        folder=folder,
        model=folder / "model",
        adapter=None if best.adapter is None else folder / "adapter",
        was_finished=was_finished,
        seeds=summary,
    )
    mark = f"seeds {summary['seeds']} {fingerprint}"
    if was_finished and known is not None and known.get("fingerprint") == mark:
        return result
    for name in OWNED:
        target = folder / name
        shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
    write_json(folder / "training.json", {"fingerprint": mark, "seeds": summary["seeds"]})
    for name in ("model", "adapter"):
        if (best.folder / name).is_dir():
            # Names of the same bytes: a model is large, and neither copy is written to again.
            shutil.copytree(best.folder / name, folder / name, copy_function=_link)
            sync(folder / name)
    write_result(folder, mark, result)
    return result


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
