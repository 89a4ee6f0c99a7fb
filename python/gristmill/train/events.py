"""What training says while it works. Not here: showing it (that is `gristmill.cli`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

OnEvent = Callable[[Mapping[str, object]], None]
"""Receives each event; has to be quick, for training waits for it."""


def make_event(done: int, total: int, message: str, **more: object) -> dict[str, object]:
    """Return an event of training: steps done, of how many (0 while that is not known), and what is going on.

    Examples
    --------
    >>> make_event(1, 5, "loss 2.5", loss=2.5)
    {'stage': 'train', 'done': 1, 'total': 5, 'message': 'loss 2.5', 'loss': 2.5}
    """
    return {"stage": "train", "done": done, "total": total, "message": message, **more}
