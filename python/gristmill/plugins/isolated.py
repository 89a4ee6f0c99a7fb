"""Calls an operator that lives in a process of its own, and survives whatever becomes of that process.

The process is a fresh interpreter, never a fork. A call that kills it, hangs or takes too much memory ends in a
failure like any other; the process is started again with the next call. Memory is watched from here, not limited in
the process: limits on address space or data count what allocators only reserve (polars reserves gigabytes), while
what must be kept small is memory in use. Between two looks, `POLL_S`, a process can take some 100 MB more.

Not here: checks of what comes back, bisecting, counting documents (`host`).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, cast

import pyarrow as pa

from gristmill.errors import GristmillError
from gristmill.plugins.active import ActiveOperator
from gristmill.plugins.calls import (
    DEADLINE_EXCEEDED,
    MEMORY_LIMIT,
    PROCESS_DIED,
    CallFailed,
    OperatorStats,
    deadline_exceeded,
)
from gristmill.plugins.capture import LOGGED_CHARACTERS, log_output, plugin_logger
from gristmill.plugins.columns import ContractError
from gristmill.plugins.lifecycle import not_opened
from gristmill.plugins.wire import (
    HEADER,
    Meta,
    ProtocolError,
    batch_to_bytes,
    columns_from_bytes,
    lengths,
    pack,
    unpack_meta,
)

OPEN_DEADLINE_S = 600.0
"""Least time for `open`, which may load a model."""
CLOSE_DEADLINE_S = 30.0
END_DEADLINE_S = 2.0
"""Time for a process whose pipe has closed to end, before it is ended."""
POLL_S = 0.02
PIPE_BYTES = 1 << 20
DRAIN_READS = 32
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """The plugins that operators were found among: another process finds them there, and compares fingerprints.

    Parameters
    ----------
    plugins_dir
        Folder of single-file plugins, or None.
    """

    plugins_dir: Path | None = None

    @property
    def folder(self) -> str | None:
        """The folder, so that it is found from any working folder."""
        return None if self.plugins_dir is None else str(self.plugins_dir.absolute())


class Isolated:
    """Makes the calls of an operator in a process of its own.

    Parameters
    ----------
    operator
        The operator; its instance in this process is not opened.
    scratch
        Its folder, emptied whenever the process starts.
    seed, threads
        For the operator's context.
    registry
        Where the process finds the operator as a plugin; None: it imports the class.

    Raises
    ------
    GristmillError
        GM-PLUGIN-018 if it cannot be opened.
    """

    def __init__(
        self,
        operator: ActiveOperator,
        scratch: Path,
        *,
        seed: int,
        threads: int,
        registry: Registry | None,
    ) -> None:
        self._operator = operator
        self._scratch = scratch
        self._request: Meta = {
            "do": "open",
            "operator": operator.describe(),
            "class": _place(operator) if registry is None else None,
            "plugins_dir": None if registry is None else registry.folder,
            "scratch": str(scratch),
            "seed": seed,
            "threads": threads,
        }
        # The kernel's signal for a dead parent goes by the thread that started a process: this one lives as long.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="gristmill-plugin-starter")
        self._process: _Process | None = None
        self._is_used = self._is_fresh = False
        try:
            self._start(OperatorStats())
        except BaseException:
            self.close()
            raise

    def call(self, batch: pa.RecordBatch, deadline_s: float, stats: OperatorStats) -> object:
        """Return what the operator returned for a batch, and count the call.

        Raises
        ------
        CallFailed
            When it raised, or when its process died, hung or grew too large. The process then starts again with the
            next call.
        """
        request = batch_to_bytes(batch)
        if self._process is not None and self._is_too_large(self._process):
            self._end_process()  # it grew in earlier calls: no fault of these documents
        try:
            answer, body = self._ask(request, deadline_s, stats)
        except CallFailed as failure:
            # One document is blamed only by a process that has seen no other: a leak is not the last one's.
            if self._is_fresh or batch.num_rows > 1 or failure.error_type == DEADLINE_EXCEEDED:
                raise
            answer, body = self._ask(request, deadline_s, stats)
        status = answer.get("status")
        if status == "failed":
            raise CallFailed(str(answer.get("error_type")), str(answer.get("detail")))
        if status == "contract":
            raise ContractError(str(answer.get("detail")))
        try:
            return columns_from_bytes(answer.get("columns"), body)
        except ProtocolError as error:
            self._end_process()
            raise CallFailed(PROCESS_DIED, f"{PROCESS_DIED}: it answered with {error}") from error

    def _ask(self, request: memoryview, deadline_s: float, stats: OperatorStats) -> tuple[Meta, memoryview]:
        """Send a batch to the process, which is started if there is none, and return the answer."""
        if self._process is None:
            stats.num_restarts += 1
            self._start(stats)
        stats.num_calls += 1
        self._is_fresh, self._is_used = not self._is_used, True
        return self._exchange({"do": "call"}, request, deadline_s, stats)

    def close(self) -> None:
        """Close the operator and end its process; a failure is logged."""
        if self._process is not None:
            try:
                answer, _ = self._exchange({"do": "close"}, b"", CLOSE_DEADLINE_S, OperatorStats())
                if answer.get("status") == "failed":
                    plugin_logger(self._operator.use).warning("close: %s", answer.get("detail"))
            except CallFailed as error:
                plugin_logger(self._operator.use).warning("close: %s", error.detail)
            self._end_process()
        self._starter.shutdown()

    def _start(self, stats: OperatorStats) -> None:
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        self._process, self._is_used = self._starter.submit(_Process).result(), False
        deadline_s = max(OPEN_DEADLINE_S, self._operator.containment.deadline_s)
        try:
            answer, _ = self._exchange(self._request, b"", deadline_s, stats)
        except CallFailed as error:
            raise not_opened(self._operator, error.detail) from error
        if answer.get("status") == "refused":
            raise GristmillError(
                str(answer["code"]),
                str(answer["message"]),
                hint=None if answer["hint"] is None else str(answer["hint"]),
                context=tuple(map(str, cast(Sequence[object], answer["context"]))),
            )
        if answer.get("status") != "done":
            raise not_opened(self._operator, str(answer.get("detail")))

    def _exchange(
        self, meta: Meta, body: bytes | memoryview, deadline_s: float, stats: OperatorStats
    ) -> tuple[Meta, memoryview]:
        """Send a request and return the answer; a process that gives none is ended."""
        process = self._process
        assert process is not None
        try:
            answer, rest = process.exchange(pack(meta, body), deadline_s, lambda: self._is_too_large(process))
            _log_records(self._operator.use, answer.get("log"))
            return answer, rest
        except _TooLateError:
            self._end_process()
            raise deadline_exceeded(deadline_s) from None
        except _TooLargeError:
            self._end_process()
            limit = (self._operator.containment.max_memory_bytes or 0) >> 20
            raise CallFailed(MEMORY_LIMIT, f"{MEMORY_LIMIT}: more than {limit} MiB") from None
        except (ProtocolError, OSError) as error:
            status = process.ended()
            self._end_process()
            raise CallFailed(PROCESS_DIED, f"{PROCESS_DIED}: {status or error}") from error
        except BaseException:
            self._end_process()  # Ctrl-C: its answer would be taken for the next one's
            raise
        finally:
            stats.num_captured_characters += process.log(self._operator.use)

    def _is_too_large(self, process: _Process) -> bool:
        limit = self._operator.containment.max_memory_bytes
        return limit is not None and process.memory_bytes() > limit

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None


class _TooLateError(Exception):
    """The deadline is over."""


class _TooLargeError(Exception):
    """The process takes more memory than it may."""


class _Output:
    """What comes through a stream of the process: how much, and the beginning of it."""

    def __init__(self, name: str, fd: int) -> None:
        self.name = name
        self.fd = fd
        self.num_bytes = 0
        self.kept = bytearray()

    def drain(self) -> None:
        """Take what is there, as much as a pipe holds."""
        for _ in range(DRAIN_READS):
            before = self.num_bytes
            if not self.read() or self.num_bytes == before:
                return

    def read(self) -> bool:
        """Take a piece of what is there; False at the end."""
        try:
            data = os.read(self.fd, 1 << 16)
        except BlockingIOError:
            return True
        self.num_bytes += len(data)
        self.kept += data[: max(0, 4 * LOGGED_CHARACTERS - len(self.kept))]
        return bool(data)


class _Process:
    """A process with an operator in it, and the four pipes to it."""

    def __init__(self) -> None:
        request_read, self._requests = os.pipe()
        self._answers, answer_write = os.pipe()
        environment = {**os.environ, "PYTHONPATH": _search_path()}
        command = [
            sys.executable,
            "-P",
            "-c",
            "import sys; from gristmill.plugins.child import main; main(*sys.argv)",
        ]
        command += [str(request_read), str(answer_write), str(os.getpid())]
        try:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(request_read, answer_write),
                env=environment,
                # Ctrl-C at a terminal reaches the run alone; and what the operator starts ends with it.
                process_group=0,
            )
        except BaseException:
            os.close(self._requests)
            os.close(self._answers)
            raise
        finally:
            os.close(request_read)
            os.close(answer_write)
        assert self._popen.stdout is not None
        assert self._popen.stderr is not None
        self._outputs = [
            _Output("stdout", self._popen.stdout.fileno()),
            _Output("stderr", self._popen.stderr.fileno()),
        ]
        for fd in (self._requests, self._answers, *(output.fd for output in self._outputs)):
            os.set_blocking(fd, False)
        self._is_open = True
        _widen(self._requests, self._answers)

    def exchange(
        self, pieces: Sequence[memoryview], deadline_s: float, is_too_large: Callable[[], bool]
    ) -> tuple[Meta, memoryview]:
        """Write a request, read the answer, and take what is printed meanwhile."""
        until = time.monotonic() + deadline_s
        unsent = [piece for piece in pieces if len(piece)]
        received = _Message()
        next_look = time.monotonic() + POLL_S
        with selectors.DefaultSelector() as selector:
            selector.register(self._requests, selectors.EVENT_WRITE)
            selector.register(self._answers, selectors.EVENT_READ)
            for output in self._outputs:
                selector.register(output.fd, selectors.EVENT_READ, output)
            while not received.is_whole:
                now = time.monotonic()
                if now >= until:
                    raise _TooLateError
                if now >= next_look:
                    next_look = now + POLL_S
                    if is_too_large():
                        raise _TooLargeError
                for key, _ in selector.select(min(POLL_S, until - now)):
                    if key.fd == self._requests:
                        if not self._send(unsent):
                            selector.unregister(self._requests)
                    elif key.fd == self._answers:
                        received.read(self._answers)
                    elif not cast(_Output, key.data).read():
                        selector.unregister(key.fd)
        return received.meta, received.body

    def _send(self, unsent: list[memoryview]) -> bool:
        """Write what the pipe takes; False when nothing is left."""
        try:
            num_written = os.write(self._requests, unsent[0][:PIPE_BYTES])
        except BlockingIOError:
            return True
        unsent[0] = unsent[0][num_written:]
        if not len(unsent[0]):
            unsent.pop(0)
        return bool(unsent)

    def log(self, operator: str) -> int:
        """Log what was printed since the last time, and return how many characters it was."""
        num_characters = 0
        for output in self._outputs:
            if self._is_open:
                output.drain()
            text = output.kept.decode("utf-8", "replace")
            log_output(operator, output.name, text)
            num_characters += len(text) if len(output.kept) == output.num_bytes else output.num_bytes
            output.num_bytes = 0
            output.kept.clear()
        return num_characters

    def memory_bytes(self) -> int:
        """Return the private memory in use; 0 when the process is gone. Files that it maps do not count."""
        try:
            fields = Path(f"/proc/{self._popen.pid}/statm").read_bytes().split()
            return (int(fields[1]) - int(fields[2])) * PAGE_BYTES
        except (OSError, IndexError):
            return 0

    def ended(self) -> str:
        """Return how the process ended, in words; empty if it goes on."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = self._popen.wait(END_DEADLINE_S)
            if status >= 0:
                return f"exit status {status}"
            with contextlib.suppress(ValueError):
                return f"signal {signal.Signals(-status).name}"
            return f"signal {-status}"
        return ""

    def end(self) -> None:
        """End the process, and what it started, and close the pipes."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.kill()
        self._popen.wait()
        for output in self._outputs:
            output.drain()
        self._is_open = False
        os.close(self._requests)
        os.close(self._answers)
        for stream in (self._popen.stdout, self._popen.stderr):
            assert stream is not None
            stream.close()


class _Message:
    """An answer as it comes in."""

    def __init__(self) -> None:
        self._header = bytearray()
        self._rest: bytearray | None = None
        self._num_read = 0
        self._meta_bytes = 0

    @property
    def is_whole(self) -> bool:
        """Whether all of it is there."""
        return self._rest is not None and self._num_read == len(self._rest)

    @property
    def meta(self) -> Meta:
        """The JSON part."""
        assert self._rest is not None
        return unpack_meta(memoryview(self._rest)[: self._meta_bytes])

    @property
    def body(self) -> memoryview:
        """The bytes behind it."""
        assert self._rest is not None
        return memoryview(self._rest)[self._meta_bytes :]

    def read(self, fd: int) -> None:
        """Take what is there."""
        try:
            if self._rest is None:
                data = os.read(fd, HEADER.size - len(self._header))
                self._header += data
                num_read = len(data)
                if len(self._header) == HEADER.size:
                    self._meta_bytes, body_bytes = lengths(bytes(self._header))
                    self._rest = bytearray(self._meta_bytes + body_bytes)
            else:
                num_read = os.readv(fd, [memoryview(self._rest)[self._num_read :]])
                self._num_read += num_read
        except BlockingIOError:
            return
        except MemoryError:
            raise ProtocolError("an answer that no memory holds") from None
        if num_read == 0:
            raise ProtocolError("its pipe closed")


def _log_records(operator: str, records: object) -> None:
    """Log here what the operator's loggers said there."""
    try:
        for name, level, message in cast(Sequence[tuple[str, int, str]], records or ()):
            own = name.startswith("gristmill.plugin.")
            plugin_logger(operator).log(int(level), "%s", message if own else f"{name}: {message}")
    except (TypeError, ValueError) as error:
        raise ProtocolError("log records that are none") from error


def _widen(*pipes: int) -> None:
    for pipe in pipes:
        with contextlib.suppress(OSError, AttributeError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _search_path() -> str:
    return os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)


def _place(operator: ActiveOperator) -> Mapping[str, str]:
    """Return where the class of an operator is, for a process that imports it."""
    cls = type(operator.instance)
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if "<locals>" in cls.__qualname__ or file is None:
        _refuse(operator)
    found: object = sys.modules[cls.__module__]
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is not cls:
        _refuse(operator)
    return {"module": cls.__module__, "file": str(Path(file).absolute()), "qualname": cls.__qualname__}


def _refuse(operator: ActiveOperator) -> NoReturn:
    name = type(operator.instance).__qualname__
    raise not_opened(operator, f"`{name}` is not at the top of a module: another process cannot import it")
