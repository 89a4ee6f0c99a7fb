"""Opens and closes operators under the host's protection: output captured, faults named.

Not here: running them (`host`, `reading`).
"""

from __future__ import annotations

from pathlib import Path

from gristmill.errors import GristmillError
from gristmill.plugins.active import ActiveOperator
from gristmill.plugins.capture import captured_output, plugin_logger, short_traceback
from gristmill.plugins.operators import Context


def open_operator(operator: ActiveOperator, scratch: Path, *, seed: int, threads: int) -> None:
    """Call the operator's `open` with its context.

    Raises
    ------
    GristmillError
        GM-PLUGIN-018 if it raises.
    """
    context = Context(
        operator=operator.use, seed=seed, scratch=scratch, threads=threads, logger=plugin_logger(operator.use)
    )
    try:
        with captured_output(operator.use):
            operator.instance.open(context)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:
        raise cannot_open(operator, error) from error


def cannot_open(operator: ActiveOperator, error: BaseException) -> GristmillError:
    """Return the error for an operator that cannot be made ready."""
    return not_opened(operator, short_traceback(error))


def not_opened(operator: ActiveOperator, detail: str) -> GristmillError:
    """Return the error for an operator that cannot be made ready, with what is known in lines."""
    return GristmillError(
        "GM-PLUGIN-018", f"`{operator.use}` cannot be opened", context=tuple(detail.splitlines())
    )


def close_operator(operator: ActiveOperator) -> None:
    """Call the operator's `close`; what it raises is logged, because nothing depends on it any more."""
    try:
        with captured_output(operator.use):
            operator.instance.close()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # logged, and nothing depends on it
        plugin_logger(operator.use).warning("close: %s", short_traceback(error))
