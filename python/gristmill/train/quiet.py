"""Keeps libraries from talking past us: what is shown is for the caller to decide."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Silence the bars of `transformers` inside the block, and restore their setting after it.

    Examples
    --------
    >>> with without_progress_bars():
    ...     pass
    """
    from transformers.utils import logging

    was_enabled = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if was_enabled:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


@contextmanager
def without_old_names() -> Iterator[None]:
    """Silence warnings about attributes that `peft` asks `transformers` for by their old names.

    Examples
    --------
    >>> with without_old_names():
    ...     pass
    """
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=".*is deprecated and will be removed", category=FutureWarning
        )
        yield
