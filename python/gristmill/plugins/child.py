"""The main function of the process that an isolated operator lives in.

It reads requests from one private pipe and writes answers to another; descriptors 1 and 2 are pipes of their own, so
that whatever is printed, natively too, cannot get between answers. It ends when the run ends: at the end of the
request pipe, or, deep in native code, by the kernel's signal for a parent that died. Not here: any check.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import logging
import os
import resource
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, cast

from gristmill.errors import GristmillError
from gristmill.plugins.active import ActiveOperator, Registered, activate
from gristmill.plugins.capture import plugin_logger, short_traceback
from gristmill.plugins.columns import ContractError, to_array
from gristmill.plugins.operators import Context, Operator
from gristmill.plugins.wire import (
    HEADER,
    Meta,
    batch_from_bytes,
    columns_to_bytes,
    lengths,
    pack,
    unpack_meta,
)
from gristmill.plugins.work import Work, prepare

MAX_RECORDS = 100
"""Log records that are passed on with one answer."""
PR_SET_PDEATHSIG = 1


def main(_program: str, requests_fd: str, answers_fd: str, parent: str) -> None:
    """Serve one operator until the request pipe ends.

    Parameters
    ----------
    requests_fd, answers_fd
        The private pipes.
    parent
        Process id of the run: if it is not this process's parent any more, there is nobody to serve.
    """
    _die_with(int(parent))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is expected here: it should leave no file
    with contextlib.suppress(OSError):
        # The kernel, short of memory, should choose this process before the run.
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    records = _Records()
    logging.getLogger().addHandler(records)
    logging.getLogger().setLevel(logging.INFO)
    requests, answers = os.fdopen(int(requests_fd), "rb"), os.fdopen(int(answers_fd), "wb")
    served = _Served()
    while (message := _read(requests)) is not None:
        meta, body = message
        answer, columns = served.answer(meta, body)
        _flush()
        for piece in pack({**answer, "log": records.take()}, columns):
            answers.write(piece)
        answers.flush()


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def _flush() -> None:
    """Push out what Python and the C library still hold of what was printed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    ctypes.CDLL(None).fflush(None)


def _read(requests: BinaryIO) -> tuple[dict[str, object], memoryview] | None:
    header = requests.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    meta_bytes, body_bytes = lengths(header)
    meta = unpack_meta(requests.read(meta_bytes))
    body = bytearray(body_bytes)
    view = memoryview(body)
    num_read = 0
    while num_read < body_bytes:
        count = requests.readinto(view[num_read:])  # type: ignore[attr-defined]  # a buffered reader has it
        if not count:
            return None
        num_read += count
    return meta, view


class _Records(logging.Handler):
    """Keeps log records until the next answer takes them along."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[tuple[str, int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        if len(self._kept) < MAX_RECORDS:
            self._kept.append((record.name, record.levelno, record.getMessage()))

    def take(self) -> list[tuple[str, int, str]]:
        """Return what was kept, and keep it no longer."""
        kept, self._kept = self._kept, []
        return kept


class _Served:
    """The operator, once it is opened."""

    def __init__(self) -> None:
        self._operator: ActiveOperator | None = None
        self._work: Work | None = None

    def answer(self, meta: Meta, body: memoryview) -> tuple[dict[str, object], bytes]:
        """Return the answer to a request; whatever the operator raises is one."""
        try:
            if meta["do"] == "open":
                self._open(meta)
            elif meta["do"] == "call":
                return self._call(body)
            elif self._operator is not None:
                self._operator.instance.close()
        except ContractError as error:
            return {"status": "contract", "detail": str(error)}, b""
        except GristmillError as error:
            refusal = {"code": error.code, "message": error.message, "hint": error.hint}
            return {"status": "refused", **refusal, "context": list(error.context)}, b""
        except BaseException as error:  # noqa: BLE001  # what it means is decided by the run
            return {
                "status": "failed",
                "error_type": type(error).__name__,
                "detail": short_traceback(error),
            }, b""
        return {"status": "done"}, b""

    def _open(self, meta: Meta) -> None:
        operator = self._operator = _find(meta)
        context = Context(
            operator=operator.use,
            seed=cast(int, meta["seed"]),
            scratch=Path(str(meta["scratch"])),
            threads=cast(int, meta["threads"]),
            logger=plugin_logger(operator.use),
        )
        operator.instance.open(context)
        self._work = prepare(operator)

    def _call(self, body: memoryview) -> tuple[dict[str, object], bytes]:
        assert self._work is not None
        returned = self._work(batch_from_bytes(body))
        if not isinstance(returned, Mapping):
            raise ContractError(f"returned a {type(returned).__name__}, not a mapping from output to column")
        names, columns = columns_to_bytes({str(name): to_array(value) for name, value in returned.items()})
        return {"status": "done", "columns": names}, columns


def _find(meta: Meta) -> ActiveOperator:
    description = cast(Mapping[str, object], meta["operator"])
    place = cast("Mapping[str, str] | None", meta["class"])
    if place is None:
        from gristmill.plugins.manager import PluginManager

        folder = meta["plugins_dir"]
        [found] = PluginManager.rebuild([description], plugins_dir=Path(str(folder)) if folder else None)
        return found
    operator: object = _module(place["module"], place["file"])
    for part in place["qualname"].split("."):
        operator = getattr(operator, part)
    assert isinstance(operator, type)
    assert issubclass(operator, Operator)
    use = str(description["use"])
    registered = Registered(
        namespace=use.partition(".")[0],
        kind=operator.kind,
        operator=operator,
        distribution=None,
        distribution_version=None,
        source=None,
    )
    return activate(registered, {**cast(Mapping[str, object], description["config"]), "use": use})


def _module(name: str, file: str) -> ModuleType:
    with contextlib.suppress(ImportError, ValueError):
        if importlib.util.find_spec(name) is not None:
            return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
