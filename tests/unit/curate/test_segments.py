"""`gristmill.segments`, and the same columns as inputs of a plugin."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

import gristmill
from gristmill import _native
from gristmill.plugins.testing import nasty_documents

PLUGIN = '''
import pyarrow as pa
import pyarrow.compute as pc
from gristmill.plugins.api import Signal, col, hookimpl

gristmill_api = 1


class Tokens(Signal):
    """Counts tokens."""

    name, version = "tokens", 1
    inputs, outputs = ("token_starts",), {"num_tokens": "uint32"}

    def expr(self):
        return col("token_starts").list.len().alias("num_tokens")


class Longest(Signal):
    """The longest sentence in bytes; 0 without any."""

    name, version = "longest", 1
    inputs, outputs = ("text", "sentence_starts", "sentence_ends"), {"num_bytes": "uint32"}

    def compute(self, batch):
        starts, ends = batch.column("sentence_starts"), batch.column("sentence_ends")
        lengths = pa.ListArray.from_arrays(starts.offsets, pc.subtract(ends.flatten(), starts.flatten()))
        longest = [max(item, default=0) for item in lengths.to_pylist()]
        return {"num_bytes": pa.array(longest, pa.uint32())}


@hookimpl
def register_signals(register):
    register(Tokens)
    register(Longest)
'''


def cut(text: str, starts: list[int], ends: list[int]) -> list[str]:
    raw = text.encode()
    return [raw[start:end].decode() for start, end in zip(starts, ends, strict=True)]


def test_every_column_of_nasty_documents() -> None:
    texts = [*nasty_documents(), None]
    found = gristmill.segments(
        pa.table({"id": list(map(str, range(len(texts)))), "text": texts}), _native.SEGMENT_COLUMNS
    )
    assert found.column_names == ["id", *_native.SEGMENT_COLUMNS]
    for text, row in zip(texts, found.to_pylist(), strict=True):
        if text is None:
            assert all(row[name] is None for name in _native.SEGMENT_COLUMNS)
            continue
        tokens = cut(text, row["token_starts"], row["token_ends"])
        assert len(tokens) == len(row["token_flags"]) == len(row["token_hashes"])
        assert all(token and not any(character.isspace() for character in token) for token in tokens)
        assert cut(text, row["line_starts"], row["line_ends"]) == text.split("\n")
        for kind in ("paragraph", "sentence"):
            assert all(piece.strip() for piece in cut(text, row[f"{kind}_starts"], row[f"{kind}_ends"]))


def test_equal_tokens_have_equal_hashes() -> None:
    table = pa.table({"text": ["one two one", "two"]})
    first, second = gristmill.segments(table, ["token_hashes"]).column("token_hashes").to_pylist()
    assert (first[0] == first[2], first[1] == second[0], first[0] == first[1]) == (True, True, False)


def test_more_rows_than_a_batch_and_other_producers() -> None:
    texts = [f"word {number}" for number in range(9000)]
    found = gristmill.segments(pl.DataFrame({"text": texts}), ["token_ends"])
    assert found.num_rows == 9000
    assert found.column("token_ends")[8999].as_py() == [4, 9]
    empty = gristmill.segments(pa.table({"text": pa.array([], pa.utf8())}), ["line_starts"])
    assert (empty.num_rows, empty.column_names) == (0, ["line_starts"])


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(gristmill.GristmillError, match="no column `words`"):
        gristmill.segments(pa.table({"text": ["a"]}), ["words"])


@pytest.mark.parametrize("before", ["", '[[step]]\nuse = "clean"\n[[step]]\nuse = "gopher_quality"\n'])
def test_a_plugin_gets_them_in_a_run(tmp_path: Path, before: str) -> None:
    texts = ["One. Two words here!  ", "No end", "Ünï  cödé — done. Ok."] * 40
    lines = [json.dumps({"text": f"{text} {number}"}) for number, text in enumerate(texts)]
    (tmp_path / "documents.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "demo.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "recipe.toml").write_text(
        '[run]\noutput = "run"\nplugins_dir = "plugins"\n[[source]]\nname = "s"\npaths = ["documents.jsonl"]\n'
        f'{before}[[step]]\nuse = "demo.tokens"\n[[step]]\nuse = "demo.longest"\n',
        encoding="utf-8",
    )
    run = gristmill.curate(tmp_path / "recipe.toml")
    signals = run.signals().collect()
    assert "token_starts" not in signals.columns
    cleaned = [line["text"] for line in map(json.loads, lines)]
    if before:
        cleaned = gristmill.clean(pa.table({"text": cleaned})).column("text").to_pylist()
    spans = gristmill.segments(pa.table({"text": cleaned}), _native.SEGMENT_COLUMNS).to_pylist()
    assert signals["demo.tokens.num_tokens"].to_list() == [len(row["token_starts"]) for row in spans]
    longest = [
        max(
            (end - start for start, end in zip(row["sentence_starts"], row["sentence_ends"], strict=True)),
            default=0,
        )
        for row in spans
    ]
    assert signals["demo.longest.num_bytes"].to_list() == longest


def test_a_column_that_no_step_before_makes_is_refused_before_data_is_read(tmp_path: Path) -> None:
    (tmp_path / "documents.jsonl").write_text('{"text": "a"}\n', encoding="utf-8")
    (tmp_path / "plugins").mkdir()
    plugin = PLUGIN.replace(
        '("token_starts",)', '("text", "gopher_quality.num_wordz", "doc", "key", "id", "source")'
    )
    plugin = plugin.replace('col("token_starts").list.len()', 'col("doc").cast(int)')
    (tmp_path / "plugins" / "demo.py").write_text(plugin, encoding="utf-8")
    head = (
        '[run]\noutput = "run"\nplugins_dir = "plugins"\n[[source]]\nname = "s"\npaths = ["documents.jsonl"]\n'
        '[[step]]\nuse = "gopher_quality"\n'
    )
    (tmp_path / "recipe.toml").write_text(head + '[[step]]\nuse = "demo.tokens"\n', encoding="utf-8")
    with pytest.raises(gristmill.GristmillError) as caught:
        gristmill.curate(tmp_path / "recipe.toml")
    assert caught.value.code == "GM-PLUGIN-017"
    assert caught.value.hint == "did you mean `gopher_quality.num_words`?"
    good = plugin.replace("num_wordz", "num_words").replace("cast(int)", "cast(UInt32)")
    good = good.replace("Signal, col,", "Signal, UInt32, col,")
    (tmp_path / "plugins" / "demo.py").write_text(good, encoding="utf-8")
    signals = gristmill.curate(tmp_path / "recipe.toml").signals().collect()
    assert signals["demo.tokens.num_tokens"].to_list() == [0]
