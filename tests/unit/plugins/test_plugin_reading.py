"""What a plugin reader yields is checked before the engine sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from gristmill.errors import GristmillError
from gristmill.plugins.active import activate
from gristmill.plugins.api import Context, Reader
from gristmill.plugins.contract import registered_for
from gristmill.plugins.reading import BATCH_ROWS, BATCH_TEXT_BYTES, read_file

Source = Callable[[], Iterator[object]]


def read(source: Source) -> list[pa.RecordBatch]:
    class Fake(Reader):
        name, version, suffixes = "fake", 1, (".fake",)

        def read(self, _path: Path) -> Iterator[pa.RecordBatch]:
            yield from source()

    return list(read_file(activate(registered_for(Fake, "demo"), {}), Path("/some/where/a.fake")))


def test_columns_are_normalised() -> None:
    (batch,) = read(lambda: iter([pa.record_batch({"lang": ["en"], "id": [7], "text": ["a"]})]))
    assert batch.schema.names == ["text", "lang", "id"]
    assert batch.schema.field("text").type == pa.large_utf8()
    assert batch.column("id").to_pylist() == ["7"]


def test_null_texts_pass_to_the_engine() -> None:
    (batch,) = read(lambda: iter([pa.record_batch({"text": pa.array(["a", None])})]))
    assert batch.column("text").to_pylist() == ["a", None]


def test_batches_are_bounded_in_rows_and_bytes() -> None:
    many = pa.record_batch({"text": ["x"] * (2 * BATCH_ROWS + 5)})
    assert [batch.num_rows for batch in read(lambda: iter([many]))] == [BATCH_ROWS, BATCH_ROWS, 5]
    large = pa.record_batch({"text": ["x" * (BATCH_TEXT_BYTES // 3)] * 7})
    sizes = [batch.num_rows for batch in read(lambda: iter([large]))]
    assert sum(sizes) == 7
    assert max(sizes) <= 3


def test_one_row_batches_are_put_together() -> None:
    rows = [f"document {number}" for number in range(5000)]
    batches = read(lambda: (pa.record_batch({"text": [row], "n": [len(row)]}) for row in rows))
    assert [batch.num_rows for batch in batches] == [5000]
    assert batches[0].column("text").to_pylist() == rows
    assert batches[0].column("n").to_pylist() == [len(row) for row in rows]


def test_putting_together_keeps_the_limits_and_the_order() -> None:
    third = BATCH_TEXT_BYTES // 3
    sizes = [1, third, third, third, BATCH_TEXT_BYTES + 1, 2, 3]
    batches = read(lambda: (pa.record_batch({"text": ["x" * size]}) for size in sizes))
    assert [len(text) for batch in batches for text in batch.column("text").to_pylist()] == sizes
    assert [batch.num_rows for batch in batches] == [3, 1, 1, 2]
    rows = read(lambda: (pa.record_batch({"text": ["x"] * 3000}) for _ in range(4)))
    assert [batch.num_rows for batch in rows] == [6000, 6000]


def test_other_columns_count_towards_the_limit() -> None:
    half = b"x" * (BATCH_TEXT_BYTES // 2)
    batches = read(lambda: (pa.record_batch({"text": ["a"], "raw": [half]}) for _ in range(3)))
    assert [batch.num_rows for batch in batches] == [1, 1, 1]


def test_batches_that_cannot_be_put_together_are_passed_on() -> None:
    def many_words() -> Iterator[object]:
        for start in (0, 100):
            words = pa.array([f"w{start + number}" for number in range(100)])
            column = pa.DictionaryArray.from_arrays(pa.array(range(100), pa.int8()), words)
            yield pa.record_batch({"text": ["a"] * 100, "word": column})

    batches = read(many_words)
    words = [word for batch in batches for word in batch.column("word").to_pylist()]
    assert words == [f"w{number}" for number in range(200)]


def test_null_texts_among_others_are_put_together() -> None:
    batches = read(lambda: (pa.record_batch({"text": [text]}) for text in ("a", None, "b")))
    assert [batch.column("text").to_pylist() for batch in batches] == [["a", None, "b"]]


def test_an_error_comes_after_the_rows_before_it() -> None:
    def breaks() -> Iterator[object]:
        for _ in range(BATCH_ROWS + 7):
            yield pa.record_batch({"text": ["a"]})
        raise ValueError("broken file")

    class Breaks(Reader):
        name, version = "breaks", 1

        def read(self, _path: Path) -> Iterator[pa.RecordBatch]:
            yield from breaks()

    sizes: list[int] = []
    reading = read_file(activate(registered_for(Breaks, "demo"), {}), Path("a.fake"))
    with pytest.raises(GristmillError) as caught:
        sizes.extend(batch.num_rows for batch in reading)
    assert sizes == [BATCH_ROWS, 7]
    assert caught.value.message == f"reader `demo.breaks` failed on `a.fake` after {BATCH_ROWS + 7} documents"


def test_no_documents() -> None:
    assert read(lambda: iter([])) == []
    assert read(lambda: iter([pa.record_batch({"text": pa.array([], pa.utf8())})])) == []


def raises() -> Iterator[object]:
    yield pa.record_batch({"text": ["a", "b"]})
    raise ValueError("broken file")


def exits() -> Iterator[object]:
    yield pa.record_batch({"text": ["a", "b"]})
    raise SystemExit(0)


def changes() -> Iterator[object]:
    yield pa.record_batch({"text": ["a", "b"]})
    yield pa.record_batch({"text": ["a"], "more": ["x"]})


@pytest.mark.parametrize("source", [raises, exits, changes])
def test_faults_in_the_middle_name_the_place(source: Source) -> None:
    with pytest.raises(GristmillError) as caught:
        read(source)
    assert caught.value.code == "GM-PLUGIN-015"
    assert caught.value.message == "reader `demo.fake` failed on `a.fake` after 2 documents"


@pytest.mark.parametrize(
    "yielded",
    [
        "text",
        {"text": ["a"]},
        pa.record_batch({"body": ["a"]}),
        pa.record_batch({"text": [1]}),
        pa.record_batch([pa.array(["a"]), pa.array(["b"])], names=["text", "text"]),
        pa.record_batch({"text": ["a"], "id": [0.5]}),
        pa.record_batch(
            {"text": pa.Array.from_buffers(pa.utf8(), 1, pa.array([b"\xff"], pa.binary()).buffers())}
        ),
    ],
)
def test_what_is_no_document_is_refused(yielded: object) -> None:
    with pytest.raises(GristmillError) as caught:
        read(lambda: iter([yielded]))
    assert caught.value.code == "GM-PLUGIN-015"


def test_interrupts_pass_through() -> None:
    def interrupted() -> Iterator[object]:
        yield pa.record_batch({"text": ["a"]})
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read(interrupted)


def test_prints_do_not_reach_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    def talks() -> Iterator[object]:
        print("reading")  # noqa: T201
        yield pa.record_batch({"text": ["a"]})

    read(talks)
    assert capsys.readouterr().out == ""


def test_a_reader_is_opened_and_closed_around_each_file() -> None:
    seen: list[object] = []

    class Opens(Reader):
        name, version, suffixes = "opens", 1, (".fake",)

        def open(self, context: Context) -> None:
            seen.append(context.scratch.is_dir())

        def read(self, path: Path) -> Iterator[pa.RecordBatch]:
            seen.append(path.name)
            yield pa.record_batch({"text": ["a"]})

        def close(self) -> None:
            seen.append("closed")

    operator = activate(registered_for(Opens, "demo"), {})
    for name in ("one", "two"):
        assert len(list(read_file(operator, Path(name)))) == 1
    assert seen == [True, "one", "closed", True, "two", "closed"]


def test_a_reader_that_cannot_be_opened() -> None:
    class Fails(Reader):
        name, version, suffixes = "fails", 1, (".fake",)

        def open(self, _context: Context) -> None:
            raise OSError("no codec")

        def read(self, _path: Path) -> Iterator[pa.RecordBatch]:
            yield pa.record_batch({"text": ["a"]})

    with pytest.raises(GristmillError) as caught:
        list(read_file(activate(registered_for(Fails, "demo"), {}), Path("x")))
    assert caught.value.code == "GM-PLUGIN-018"
