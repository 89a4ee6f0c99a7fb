"""The main function of a worker process: one task description a line in, one answer a line out.

Standard output carries answers only; whatever a plugin prints is sent to standard error. When the driver dies, the
pipe closes and the worker ends at once, in the middle of a task if need be: nothing is committed half.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from typing import BinaryIO

from gristmill.curate.task import TaskRunner
from gristmill.errors import GristmillError


def main() -> None:
    """Serve tasks until standard input closes."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    tasks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, tasks), daemon=True).start()
    runner = TaskRunner()
    while True:
        answer = _answer(runner, tasks.get())
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _listen(pipe: BinaryIO, tasks: queue.SimpleQueue[bytes]) -> None:
    for line in pipe:
        tasks.put(line)
    # Not sys.exit: this is not the main thread, and the main one may be deep in native code.
    os._exit(0)


def _answer(runner: TaskRunner, line: bytes) -> dict[str, object]:
    try:
        return {"manifest": runner.run(json.loads(line))}
    except GristmillError as error:
        return {
            "error": {
                "code": error.code,
                "message": error.message,
                "hint": error.hint,
                "context": list(error.context),
            }
        }
    except Exception as error:  # noqa: BLE001 - a fault must reach the driver, not end the worker in silence
        trace = traceback.format_exc().splitlines()
        message = f"{type(error).__name__}: {error}"
        return {"error": {"code": "GM-RUN-070", "message": message, "hint": None, "context": trace}}


if __name__ == "__main__":
    main()
