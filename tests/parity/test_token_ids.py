"""Ids of the tokenizers in the data folder equal those of the `tokenizers` library, on texts made to tell them apart."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from tokenizers import Tokenizer as Library

import gristmill

sys.path.insert(0, str(Path(__file__).parent / "tokens"))

from nasty import texts

DATA = os.environ.get("GRISTMILL_DATA")
NAMES = ("gpt35turbo", "gpt4o", "llama3_1", "qwen3", "deepseek", "llama2", "gemma3")


@pytest.mark.data
@pytest.mark.skipif(DATA is None, reason="GRISTMILL_DATA is not set")
@pytest.mark.parametrize("name", NAMES)
def test_both_modes_give_the_ids_of_the_library(name: str, tmp_path: Path) -> None:
    import zstandard

    packed = Path(str(DATA)) / "tokenizers" / f"{name}.tokenizer.json.zst"
    file = tmp_path / "tokenizer.json"
    file.write_bytes(zstandard.ZstdDecompressor().decompressobj().decompress(packed.read_bytes()))
    tokenizer = json.loads(file.read_bytes())
    vocabulary = tokenizer["model"]["vocab"]
    tokenizer["added_tokens"] = [
        token
        for token in tokenizer["added_tokens"]
        if not token["special"] and token["content"] in vocabulary
    ]
    drawn = list(texts(7, 400))
    batch = pa.array(drawn, pa.large_utf8())
    for mode, library in (
        ("hf", Library.from_file(str(file))),
        ("plain", Library.from_str(json.dumps(tokenizer))),
    ):
        ours = gristmill.Tokenizer(file, mode)
        assert ours.library_reason is None
        found = ours.encode_batch(batch).to_pylist()
        for text, ids in zip(drawn, found, strict=True):
            assert ids == library.encode(text, add_special_tokens=False).ids, (mode, text)
