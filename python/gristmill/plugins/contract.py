"""The contract as checks: what `gristmill plugin test` runs and `testing.assert_contract` asserts.

Each check runs the operator through the host, on documents made to break it. Not here: documents (`testing`).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from gristmill import _native
from gristmill.errors import GristmillError
from gristmill.plugins.active import ActiveOperator, Registered, activate
from gristmill.plugins.deciders import GROUP
from gristmill.plugins.groups import group_starts
from gristmill.plugins.host import HostResult, PluginHost
from gristmill.plugins.manager import definition_problem
from gristmill.plugins.operators import SEGMENT_COLUMNS, Operator
from gristmill.plugins.reading import read_file

CHILD_TIMEOUT_S = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """The outcome of one check; `detail` says what was found, or why it was not possible."""

    name: str
    passed: bool
    detail: str = ""


def engine_batch(texts: Sequence[str], inputs: Sequence[str] = ("text",)) -> pa.RecordBatch:
    """Return a batch with these texts and a plausible column for every other input.

    ``doc``, ``key``, ``id``, ``source``, ``text_bytes`` and the columns of the segmentation are as the engine gives
    them; ``group`` makes groups of one row, two, three and so on up to seven, again and again; a name with a dot is
    taken for a signal (float64), any other for an extracted text column; both have nulls in them.

    Examples
    --------
    >>> engine_batch(["a"], ("text", "lang")).schema.names
    ['text', 'lang']
    """
    num_rows = len(texts)
    columns: dict[str, pa.Array] = {}
    for name in inputs:
        if name in ("text", "raw"):
            columns[name] = pa.array(texts, pa.large_utf8())
        elif name == "doc":
            columns[name] = pa.array(range(num_rows), pa.uint64())
        elif name == "key":
            keys = [hashlib.blake2b(str(row).encode(), digest_size=16).digest() for row in range(num_rows)]
            columns[name] = pa.array(keys, pa.binary(16))
        elif name in ("raw_bytes", "text_bytes"):
            columns[name] = pa.array([len(text.encode()) for text in texts], pa.uint32())
        elif name == GROUP:
            columns[name] = pa.array(_groups(num_rows), pa.large_utf8())
        elif name in SEGMENT_COLUMNS:
            batch = _native.segment_texts(pa.array(texts, pa.large_utf8()), [name], _native.Session())
            columns[name] = batch.column(name)
        elif "." in name:
            columns[name] = pa.array(
                [None if row % 5 == 4 else row / 7 for row in range(num_rows)], pa.float64()
            )
        else:
            values = [None if row % 5 == 4 else ("en", "de")[row % 2] for row in range(num_rows)]
            columns[name] = pa.array(values, pa.large_utf8())
    return pa.record_batch(columns)


def _groups(num_rows: int) -> list[str]:
    sizes = (1 + number % 7 for number in range(num_rows))
    return [f"group {number}" for number, size in enumerate(sizes) for _ in range(size)][:num_rows]


def registered_for(operator: type[Operator], namespace: str = "contract") -> Registered:
    """Return the class as if a plugin of this namespace had registered it, or raise GM-PLUGIN-006."""
    problem = definition_problem(operator, operator.kind) if operator.kind else "is of no kind"
    if problem:
        raise GristmillError("GM-PLUGIN-006", f"class `{operator.__name__}` {problem}")
    return Registered(
        namespace=namespace,
        kind=operator.kind,
        operator=operator,
        distribution=None,
        distribution_version=None,
        source=None,
    )


def run_once(operator: ActiveOperator, batch: pa.RecordBatch, *, seed: int = 7) -> HostResult:
    """Open the operator, run it on one batch, close it. Up to every document may fail without stopping."""
    with PluginHost([operator], seed=seed, max_failures=batch.num_rows, audits=False) as host:
        return host.run(operator, batch)


def check_operator(
    operator: type[Operator],
    texts: Sequence[str],
    *,
    config: Mapping[str, object] | None = None,
    namespace: str = "contract",
    other_process: bool = True,
) -> list[Check]:
    """Run every check on a signal, transform, filter, extractor or decider and return the outcomes, in order.

    Parameters
    ----------
    operator
        The class.
    texts
        Documents; at least two.
    config
        Recipe keys of the step.
    namespace
        What messages call the plugin.
    other_process
        Compare with a second interpreter that has another hash seed; about a second.
    """
    try:
        active = activate(registered_for(operator, namespace), config or {})
    except GristmillError as error:
        return [Check(name="definition", passed=False, detail=error.message)]
    checks = [Check(name="definition", passed=True)]
    batch = engine_batch(texts, active.inputs)
    before = batch.to_pylist()
    try:
        result = run_once(active, batch)
    except GristmillError as error:
        return [*checks, Check(name="types and lengths", passed=False, detail=_plain(error))]
    failed = [f"{texts[item.row][:40]!r}: {item.detail.splitlines()[0]}" for item in result.quarantined]
    checks += [
        Check(name="types and lengths", passed=True),
        Check(name="nasty documents", passed=not failed, detail="; ".join(failed[:3])),
        Check(name="input unchanged", passed=batch.to_pylist() == before),
        Check(
            name="silent",
            passed=not result.stats.num_captured_characters,
            detail="writes to stdout or stderr",
        ),
        _compare("same again", result, lambda: run_once(active, batch), active),
    ]
    if active.scope != "batch":
        what = "rows" if active.scope == "row" else "groups"
        parts = _parts(active, batch)
        checks.append(_compare("split and merge", result, lambda: _run_split(active, batch, parts), active))
        checks.append(
            _compare(f"order of {what}", result, lambda: _run_reversed(active, batch, parts), active)
        )
    if other_process and active.deterministic:
        checks.append(_check_other_process(operator, config or {}, texts, result))
    return [
        Check(name=item.name, passed=item.passed, detail="" if item.passed else item.detail)
        for item in checks
    ]


def check_reader(
    operator: type[Operator],
    path: Path,
    *,
    config: Mapping[str, object] | None = None,
    namespace: str = "contract",
) -> list[Check]:
    """Run the checks of a reader on a sample file: documents come out, and the same ones when read again."""
    try:
        active = activate(registered_for(operator, namespace), config or {})
        first = list(read_file(active, path))
        second = list(read_file(active, path))
    except GristmillError as error:
        return [Check(name="reads", passed=False, detail=_plain(error))]
    num_rows = sum(batch.num_rows for batch in first)
    same = [batch.to_pylist() for batch in first] == [batch.to_pylist() for batch in second]
    return [
        Check(name="reads", passed=num_rows > 0, detail="no document came out"),
        Check(name="same again", passed=same, detail="a second reading differs"),
    ]


def result_digest(result: HostResult) -> str:
    """Return a hash of the values an operator gave: columns, new text and failed rows."""
    values = [
        {name: column.to_pylist() for name, column in result.columns.items()},
        result.new_text.to_pylist() if result.new_text is not None else None,
        [(item.row, item.error_type) for item in result.quarantined],
    ]
    return hashlib.blake2b(repr(values).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _plain(error: GristmillError) -> str:
    return "\n".join((error.message, *error.context))


def _compare(
    name: str, expected: HostResult, again: Callable[[], HostResult], operator: ActiveOperator
) -> Check:
    if not operator.deterministic:
        return Check(name=name, passed=True, detail="declared not deterministic")
    try:
        found = again()
    except GristmillError as error:
        return Check(name=name, passed=False, detail=error.message)
    return Check(name=name, passed=result_digest(found) == result_digest(expected), detail="results differ")


def _merge(results: Sequence[HostResult], sizes: Sequence[int]) -> HostResult:
    first = results[0]
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    texts = [result.new_text for result in results]
    return HostResult(
        columns={
            name: pa.chunked_array([result.columns[name] for result in results]) for name in first.columns
        },
        new_text=pa.chunked_array(texts) if first.new_text is not None else None,
        quarantined=[
            type(item)(row=item.row + start, error_type=item.error_type, detail=item.detail)
            for start, result in zip(starts, results, strict=True)
            for item in result.quarantined
        ],
        stats=first.stats,
    )


def _parts(operator: ActiveOperator, batch: pa.RecordBatch) -> list[tuple[int, int]]:
    """Return what a batch can be taken apart into, as first row and number of rows: rows and threes, or groups."""
    if operator.scope == "group":
        starts = group_starts(batch.column(GROUP))
        ends = [*starts[1:], batch.num_rows]
        return [(start, end - start) for start, end in zip(starts, ends, strict=True)]
    sizes = list(_sizes(batch.num_rows))
    return [(sum(sizes[:index]), size) for index, size in enumerate(sizes)]


def _run_split(
    operator: ActiveOperator, batch: pa.RecordBatch, parts: Sequence[tuple[int, int]]
) -> HostResult:
    """Run each part alone and merge: a result that looks at its neighbours differs."""
    with PluginHost([operator], seed=7, max_failures=batch.num_rows, audits=False) as host:
        results = [host.run(operator, batch.slice(start, size)) for start, size in parts]
    return _merge(results, [size for _, size in parts])


def _sizes(num_rows: int) -> Iterator[int]:
    left, size = num_rows, 1
    while left:
        yield min(size, left)
        left -= min(size, left)
        size = 3 if num_rows - left >= num_rows // 2 else 1


def _run_reversed(
    operator: ActiveOperator, batch: pa.RecordBatch, parts: Sequence[tuple[int, int]]
) -> HostResult:
    """Run the rows backwards, or the groups, each as it is, and put the results back in order."""
    if operator.scope == "row":
        parts = [(row, 1) for row in range(batch.num_rows)]
    order = [row for start, size in reversed(parts) for row in range(start, start + size)]
    back = [0] * len(order)
    for place, row in enumerate(order):
        back[row] = place
    result = run_once(operator, batch.take(pa.array(order, pa.int64())))
    places = pa.array(back, pa.int64())
    return HostResult(
        columns={name: column.take(places) for name, column in result.columns.items()},
        new_text=result.new_text.take(places) if result.new_text is not None else None,
        quarantined=sorted(
            (
                type(item)(row=order[item.row], error_type=item.error_type, detail=item.detail)
                for item in result.quarantined
            ),
            key=lambda item: item.row,
        ),
        stats=result.stats,
    )


def _check_other_process(
    operator: type[Operator], config: Mapping[str, object], texts: Sequence[str], result: HostResult
) -> Check:
    name = "another process"
    module = sys.modules.get(operator.__module__)
    file = getattr(module, "__file__", None)
    if "<locals>" in operator.__qualname__ or file is None:
        return Check(name=name, passed=True, detail="not checked: the class is not at the top of a module")
    request = {
        "module": operator.__module__,
        "file": file,
        "qualname": operator.__qualname__,
        "config": dict(config),
        "texts": list(texts),
        "sys_path": sys.path,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "request.json"
        path.write_text(json.dumps(request), encoding="utf-8")
        environment = {**os.environ, "PYTHONHASHSEED": "4242", "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", f"import {__name__} as c; c.child()", str(path)]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=CHILD_TIMEOUT_S, check=False
        )
    if done.returncode:
        return Check(name=name, passed=False, detail=done.stderr.strip()[-500:])
    return Check(name=name, passed=done.stdout.strip() == result_digest(result), detail="results differ")


def child() -> None:
    """Write the digest of a run described by the file in `sys.argv[1]`: the other process of a check."""
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.path[:] = request["sys_path"]
    logging.disable()
    module = _load(request["module"], request["file"])
    operator = module
    for part in request["qualname"].split("."):
        operator = getattr(operator, part)
    assert isinstance(operator, type)
    assert issubclass(operator, Operator)
    active = activate(registered_for(operator), request["config"])
    result = run_once(active, engine_batch(request["texts"], active.inputs))
    sys.stdout.write(result_digest(result))


def _load(name: str, file: str) -> object:
    try:
        if importlib.util.find_spec(name) is not None:
            return importlib.import_module(name)
    except (ImportError, ValueError):
        pass  # not importable by name: a test module or a single-file plugin, loaded from its file instead
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
