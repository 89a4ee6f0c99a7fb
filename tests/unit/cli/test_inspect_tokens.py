"""`gristmill inspect` on token shards and on exports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.integration.masked_run import masked_run, shard_fixture
from tests.support import write_corpus, write_tokenizer

from gristmill.cli.main import main
from gristmill.cli.token_rows import TextOfTokens
from gristmill.curate.run import curate
from gristmill.export.run import FORMATS, export
from gristmill.shards import digest_file


def values(arguments: list[object], capsys: pytest.CaptureFixture[str]) -> dict:
    capsys.readouterr()
    assert main(["inspect", *map(str, arguments), "--json"]) == 0, capsys.readouterr()
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return curate(write_corpus(tmp_path_factory.mktemp("inspect")), workers=1).path


def test_rows_of_a_shard_are_text(curated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = curated / "tokens/train/shard-00000.arrow"
    found = values([shard, "--rows", 2], capsys)
    assert len(found["sample"]) == 2
    assert found["sample_rows"] == [0, 1]
    assert found["no_text"] is None
    for row in found["sample"]:
        assert set(row["text"].replace("…", "").split()) & {"mill", "stands", "river", "grain", "stones"}


@pytest.mark.parametrize("by", ["id", "doc", "key", "prefix"])
def test_one_document_of_a_shard(curated: Path, by: str, capsys: pytest.CaptureFixture[str]) -> None:
    shard = curated / "tokens/train/shard-00000.arrow"
    [row] = values([shard, "--doc", "german"], capsys)["sample"]
    name = {"id": "german", "doc": row["doc"], "key": row["key"], "prefix": row["key"][:10]}[by]
    found = values([shard, "--doc", name], capsys)
    assert found["sample"] == [row]
    # Words that the vocabulary has not, and the end of the text, which a sample row's text would be cut before.
    assert row["text"] == "<unk> " * 8 + "<|endoftext|>"
    table = curated / "documents/part-00001.parquet"
    assert "Mühle" in values([table, "--doc", name], capsys)["sample"][0]["text"]


def test_a_document_that_is_not_there(curated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(curated / "tokens/train/shard-00000.arrow"), "--doc", "nobody"]) == 2
    assert "GM-CLI-009" in capsys.readouterr().err
    assert main(["inspect", str(curated), "--doc", "german"]) == 2
    assert "GM-CLI-001" in capsys.readouterr().err


def test_untrained_parts_stand_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tokenizer(tmp_path / "tokenizer.json")
    fixture = shard_fixture()
    digest = digest_file(tmp_path / "tokenizer.json")
    documents = [fixture.Made(tokens=[2, 3, 4, 5, 0], mask=[2, 2, 1], id="a")]
    run = fixture.write_run(tmp_path / "run", documents, num_shards=1, tokenizer_digest=digest)
    shard = run / "tokens/train/shard-00000.arrow"
    found = values([shard], capsys)
    assert found["no_text"].startswith("the tokenizer was not found")
    assert "text" not in found["sample"][0]
    [row] = values([shard, "--tokenizer", tmp_path], capsys)["sample"]
    assert {name: text for name, text in row.items() if name.startswith("text")} == {
        "text 1, not trained": "the mill",
        "text 2, trained": "stands by",
        "text 3, not trained": "<|endoftext|>",
    }
    # What the run's recipe names is looked for in the folders above the run, and taken for its digest.
    (run / "recipe.toml").write_text('[tokens]\ntokenizer = "tokenizer.json"\n')
    assert values([shard], capsys)["sample"] == [row]
    (tmp_path / "tokenizer.json").write_text("{}")
    assert values([shard], capsys)["no_text"].startswith("the tokenizer was not found")
    assert main(["inspect", str(shard), "--tokenizer", str(tmp_path)]) == 2
    assert "is not the tokenizer of" in capsys.readouterr().err


@pytest.mark.parametrize("format_", FORMATS)
def test_an_export_says_what_it_is(tmp_path: Path, format_: str, capsys: pytest.CaptureFixture[str]) -> None:
    run = masked_run(tmp_path / "run")
    export(run, format=format_, output=tmp_path / "out")
    found = values([tmp_path / "out"], capsys)
    assert (found["kind"], found["format"]) == ("export", format_)
    assert found["splits"]["train"]["documents"] == 47
    assert main(["inspect", str(tmp_path / "out")]) == 0
    assert "47 documents" in capsys.readouterr().out


def test_folders_of_other_programs_are_recognised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = masked_run(tmp_path / "run")
    for format_ in ("megatron", "mds"):
        export(run, format=format_, output=tmp_path / format_)
        (tmp_path / format_ / "export.json").unlink()
    found = values([tmp_path / "megatron"], capsys)
    assert found["kind"] == "megatron"
    index = found["indexes"]["train.idx"]
    assert (index["sequences"], index["documents"], index["type"]) == (47, 47, "uint16")
    assert found["indexes"]["train.mask.idx"]["tokens"] == index["tokens"]
    assert values([tmp_path / "megatron/train.idx"], capsys)["indexes"]["train.idx"] == index
    found = values([tmp_path / "mds/train"], capsys)
    assert (found["kind"], found["samples"], found["columns"]["tokens"]) == ("mds", 47, "ndarray:uint16")
    for path, words in (("megatron", "47 sequences"), ("mds/train", "47 samples in 1 shard")):
        assert main(["inspect", str(tmp_path / path)]) == 0
        assert words in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.idx", b"no index"), ("index.json", b'{"shards": [{}]}'), ("export.json", b"{")],
)
def test_a_spoiled_export(
    tmp_path: Path, name: str, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert main(["inspect", str(tmp_path)]) == 2
    assert "GM-CLI-008" in capsys.readouterr().err


@pytest.mark.parametrize("model", ["bpe_bytes", "bpe_unknown", "unigram", "unigram_bytes"])
def test_ids_of_a_sentencepiece_model_become_text(model: str) -> None:
    import gristmill

    path = Path(__file__).parents[2] / "parity/tokens/sentencepiece" / f"{model}.model"
    text = "the mill stands"
    ids = gristmill.Tokenizer(path).encode_batch([text])[0].as_py()
    assert TextOfTokens(path).text(ids).strip() == text


def test_ids_of_tiktoken_ranks_become_text(tmp_path: Path) -> None:
    import base64

    import gristmill

    path = tmp_path / "r50k_base.tiktoken"
    # As many ranks as that encoding has: all bytes, then pairs of bytes.
    pairs = (bytes(divmod(number, 256)) for number in range(50_000))
    ranks = [*(bytes([byte]) for byte in range(256)), *pairs]
    path.write_bytes(b"".join(base64.b64encode(one) + b" %d\n" % rank for rank, one in enumerate(ranks)))
    text = "the mill, Mühle 磨"
    ids = gristmill.Tokenizer(path).encode_batch([text])[0].as_py()
    assert len(ids) < len(text.encode())
    assert TextOfTokens(path).text(ids) == text
