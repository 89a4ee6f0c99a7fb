"""Tokenizers that come as files of SentencePiece, tiktoken and Tekken have the ids of those libraries."""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

import gristmill
from gristmill.curate.tokens import read_facts, resolve_tokenizer, tokenizer_file
from gristmill.errors import GristmillError

sys.path.insert(0, str(Path(__file__).parent / "tokens"))

from nasty import texts

CASES = Path(__file__).parent / "tokens" / "sentencepiece"
DATA = os.environ.get("GRISTMILL_DATA")
NAMES = ("bpe_bytes", "bpe_unknown", "unigram", "unigram_bytes")


def unpacked(name: str, folder: Path) -> Path:
    """Return a tokenizer of the data folder, unpacked."""
    import zstandard

    packed = Path(str(DATA)) / "tokenizers" / f"{name}.zst"
    file = folder / name
    file.write_bytes(zstandard.ZstdDecompressor().decompressobj().decompress(packed.read_bytes()))
    return file


@pytest.mark.parametrize("name", NAMES)
def test_sentencepiece_models_have_the_library_ids(name: str) -> None:
    cases = json.loads((CASES / "ids.json").read_bytes())[name]
    tokenizer = gristmill.Tokenizer(CASES / f"{name}.model")
    assert tokenizer.library_reason is None
    found = tokenizer.encode_batch([text for text, _ in cases]).to_pylist()
    for (text, expected), ids in zip(cases, found, strict=True):
        assert ids == expected, text


def test_a_sentencepiece_control_token_is_text_unless_allowed() -> None:
    file = CASES / "bpe_bytes.model"
    facts = read_facts(file, special="plain", names=["<ctl>", "</s>", "<nothing>"])
    control = facts.ids["<ctl>"]
    assert facts.kind == "SentencePiece model"
    assert ("<ctl>", control) in facts.control_tokens
    assert "<nothing>" not in facts.ids
    text = ["a<ctl>b <sep> c"]
    (plain,) = gristmill.Tokenizer(file).encode_batch(text).to_pylist()
    (allowed,) = gristmill.Tokenizer(file, allow=["<ctl>"]).encode_batch(text).to_pylist()
    assert control not in plain
    assert allowed.count(control) == 1
    assert resolve_tokenizer(file, special="plain", end_of_text=True).end_of_text == (facts.ids["</s>"],)


@pytest.mark.data
@pytest.mark.skipif(DATA is None, reason="GRISTMILL_DATA is not set")
@pytest.mark.parametrize(
    ("source", "target", "num_ranks", "end"),
    [
        ("gpt35turbo", "cl100k_base.tiktoken", 100_256, 100_257),
        ("gpt4o", "o200k_base.tiktoken", 199_998, 199_999),
        ("llama3_1", "tokenizer.model", 128_000, 128_001),
        ("qwen3", "qwen.tiktoken", 151_643, 151_643),
    ],
)
def test_tiktoken_ranks_have_the_ids_of_the_same_vocabulary(
    source: str, target: str, num_ranks: int, end: int, tmp_path: Path
) -> None:
    reference = unpacked(f"{source}.tokenizer.json", tmp_path)
    vocabulary = json.loads(reference.read_bytes())["model"]["vocab"]
    alphabet = {character: byte for byte, character in enumerate(byte_characters())}
    ranks = sorted((rank, token) for token, rank in vocabulary.items() if rank < num_ranks)
    folder = tmp_path / "folder"
    folder.mkdir()
    with (folder / target).open("wb") as lines:
        for rank, token in ranks:
            spelt = bytes(alphabet[character] for character in token)
            lines.write(base64.b64encode(spelt) + f" {rank}\n".encode())
    drawn = pa.array(list(texts(13, 300)), pa.large_utf8())
    ours = gristmill.Tokenizer(folder)
    assert ours.library_reason is None
    assert ours.encode_batch(drawn) == gristmill.Tokenizer(reference).encode_batch(drawn)
    assert resolve_tokenizer(folder, special="plain", end_of_text=True).end_of_text == (end,)


@pytest.mark.data
@pytest.mark.skipif(DATA is None, reason="GRISTMILL_DATA is not set")
def test_tekken_ids_lie_behind_its_control_tokens(tmp_path: Path) -> None:
    file = unpacked("tekken_240911.json", tmp_path)
    # Ids of mistral-common 1.13.1, `Tekkenizer.encode(text, bos=False, eos=False)`.
    spelt = ["Hello, world! <s>[INST]", "  été 123\n\n日本語"]
    expected = json.loads((CASES.parent / "tekken.json").read_bytes())
    ours = gristmill.Tokenizer(file)
    assert ours.library_reason is None
    assert ours.encode_batch(spelt).to_pylist() == expected
    assert ours.vocabulary_size == 131_072
    (hf,) = gristmill.Tokenizer(file, "hf").encode_batch(["<s>[INST]"]).to_pylist()
    assert hf == [1, 3]


def byte_characters() -> Iterator[str]:
    """Yield GPT-2's characters for the bytes from 0 on."""
    shifted = iter(range(256, 512))
    for byte in range(256):
        is_itself = 0x21 <= byte <= 0x7E or 0xA1 <= byte <= 0xAC or byte >= 0xAE
        yield chr(byte if is_itself else next(shifted))


def test_files_that_are_no_tokenizer_say_so(tmp_path: Path) -> None:
    for content in (b"", b"hello", b"\x0a\x03abc", b"IQ== 0\nIg== 1\n", b"[1]"):
        file = tmp_path / "tokenizer.model"
        file.write_bytes(content)
        with pytest.raises(GristmillError) as caught:
            gristmill.Tokenizer(file)
        assert caught.value.code == "GM-TOKENS-001"
    (tmp_path / "tokenizer.model").unlink()
    for name in ("a.tiktoken", "b.tiktoken"):
        (tmp_path / name).write_bytes(b"IQ== 0\n")
    with pytest.raises(GristmillError, match=r"holds several tokenizers: `a\.tiktoken`, `b\.tiktoken`"):
        tokenizer_file(tmp_path)
