"""The functions on tables: same rows, same numbers as a run, any Arrow producer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from tests.support import documents, prose, write_corpus, write_tokenizer
from tokenizers import Tokenizer as HfTokenizer

import gristmill
from gristmill.curate.run import curate
from gristmill.errors import GristmillError


def test_signals_of_a_table_are_those_of_a_run(tmp_path: Path) -> None:
    run = curate(write_corpus(tmp_path), workers=1)
    cleaned = gristmill.clean(pl.DataFrame(documents()))
    found = gristmill.signals(cleaned, ["gopher_quality"])
    stored = run.signals().collect().sort("doc")
    assert found.column("id").to_pylist() == stored["id"].to_list()
    for name in ("gopher_quality.num_words", "gopher_quality.alphabetic_word_fraction"):
        assert found.column(name).to_pylist() == stored[name].to_list()
    assert cleaned.column("clean.num_changes").to_pylist() == stored["clean.num_changes"].to_list()


def test_null_texts_stay_null_everywhere() -> None:
    table = pa.table({"text": pa.array([None, prose(1)], pa.utf8())})
    found = gristmill.signals(table, ["gopher_quality", {"use": "gopher_repetition"}])
    assert found.column("gopher_quality.num_words").to_pylist()[0] is None
    assert found.column("gopher_quality.keep").to_pylist()[0] is True
    assert gristmill.clean(table).column("text").to_pylist()[0] is None


def test_near_duplicates_name_a_row_that_stays() -> None:
    text = prose(3)
    table = pa.table({"text": [text, text + " One more sentence.", prose(4), None, text]})
    found = gristmill.near_duplicates(table)
    assert found.column("duplicate_of").to_pylist() == [1, None, None, None, 1]
    assert found.column("cluster").to_pylist() == [0, 0, None, None, 0]


def test_tokenizer_gives_the_ids_of_the_library(tmp_path: Path) -> None:
    write_tokenizer(tmp_path / "tokenizer.json")
    texts = [prose(number) for number in range(5)] + ["", "the <|endoftext|> mill"]
    library = HfTokenizer.from_file(str(tmp_path / "tokenizer.json"))
    expected = [library.encode(text, add_special_tokens=False).ids for text in texts]
    ours = gristmill.Tokenizer(tmp_path / "tokenizer.json", mode="hf").encode_batch(texts).to_pylist()
    assert ours == expected
    plain = gristmill.Tokenizer(tmp_path).encode_batch([*texts, None]).to_pylist()
    assert plain[:6] == expected[:6]
    assert 0 not in plain[6]
    assert plain[7] is None


def test_a_misspelt_key_gets_the_message_of_a_recipe() -> None:
    with pytest.raises(gristmill.GristmillError) as caught:
        gristmill.signals(pa.table({"text": ["a"]}), [{"use": "gopher_quality", "min_word": 1}])
    assert "min_words" in str(caught.value) + str(caught.value.hint)


def test_read_yields_every_record_in_order(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text('{"text": "one", "id": 7, "n": 1}\nbroken\n\n{"text": "two"}\n')
    [batch] = list(gristmill.read(str(tmp_path / "*.jsonl"), id="id"))
    assert batch.column("row").to_pylist() == [0, 1, 2]
    assert batch.column("text").to_pylist() == ["one", None, "two"]
    assert batch.column("metadata").to_pylist() == ['{"n":1}', None, None]
    assert batch.column("id").to_pylist() == ["7", None, None]


@pytest.mark.parametrize(
    "verb", [gristmill.clean, gristmill.near_duplicates, partial(gristmill.signals, rules=["clean"])]
)
def test_what_is_no_table_is_refused_with_a_way_out(verb: Callable[[object], pa.Table]) -> None:
    for wrong, words in [
        (["a text"], "a `list` is no table"),
        ("a text", "a `str` is no table"),
        (iter(["a text"]), "is no table"),
        (None, "a `NoneType` is no table"),
        (pa.array(["a text"]), "is no table"),
        (pl.LazyFrame({"text": ["a text"]}), "a `LazyFrame` has no rows yet"),
    ]:
        with pytest.raises(GristmillError, match=words) as caught:
            verb(wrong)
        assert caught.value.code == "GM-RECIPE-092"
        assert (".collect()" in str(caught.value.hint)) == isinstance(wrong, pl.LazyFrame)
    for right in (
        {"text": ["a text"]},
        pl.DataFrame({"text": ["a text"]}),
        pa.record_batch({"text": ["a text"]}),
    ):
        assert verb(right).num_rows == 1


def test_lists_of_embeddings_are_no_table_either() -> None:
    with pytest.raises(GristmillError, match="no table"):
        gristmill.near_duplicates([{"v": [1.0]}], embedding="v")
