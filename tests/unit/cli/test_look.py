"""The verbs that look at runs: inspect, explain, gc, doctor, version."""

from __future__ import annotations

import importlib.metadata
import json
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.cli.doctor import cpu_features, memory_bytes
from gristmill.cli.main import main
from gristmill.errors import catalogue


def output(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def values(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    document = json.loads(output([*arguments, "--json"], capsys))
    assert document["schema_version"] == 1
    return document


def test_inspect_a_run(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(["inspect", str(finished_run)], capsys)
    assert "dropped: gopher_quality.min_words" in text
    assert "cd" * 32 in text
    assert values(["inspect", str(finished_run)], capsys)["kind"] == "run"


def test_inspect_a_table_shows_no_control_character(
    finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = output(["inspect", str(finished_run / "documents/part-00000.parquet")], capsys)
    assert "2 rows" in text
    assert "bad\\u{1B}[31m text\\u{202E}\\nsecond line" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_inspect_a_folder_of_tables_as_one(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = finished_run / "documents"
    files = sorted(folder.glob("*.parquet"))
    pq.write_table(pq.read_table(files[0]).slice(0, 1), folder / "part-00009.parquet")
    found = values(["inspect", str(folder), "--rows", "9"], capsys)
    assert (found["kind"], found["files"], found["rows"]) == ("table", len(files) + 1, 3)
    assert found["sample_rows"] == [0, 1, 2]
    assert "3 rows" in output(["inspect", str(folder)], capsys)


def test_inspect_a_shard(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = values(["inspect", str(finished_run / "tokens/train/shard-00000.arrow"), "--rows", "1"], capsys)
    assert found["rows"] == 2
    assert found["columns"] == {"doc": "uint64", "tokens": "list<item: uint16>"}
    assert found["metadata"] == {"gristmill.format_version": "1"}
    assert found["sample"] == [{"doc": "1", "tokens": "[1, 2, 3, 4, 0]"}]


def test_inspect_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
    content = struct.pack("<Q", len(header)) + header + bytes(24)
    (tmp_path / "weights.safetensors").write_bytes(content)
    (tmp_path / "state.json").write_text('{"step": 3}', encoding="utf-8")
    text = output(["inspect", str(tmp_path)], capsys)
    assert "weights.safetensors: 1 tensor, 6 values" in text
    assert '"step": 3' in text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("absent", None),
        ("a.parquet", b"no parquet"),
        ("a.arrow", b"no arrow"),
        ("a.safetensors", b"\xff" * 16),
        ("a.json", b"{"),
        ("a.txt", b"text"),
    ],
)
def test_inspect_what_is_nothing(
    name: str, content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert main(["inspect", str(tmp_path / name)]) == 2
    assert "GM-CLI-008" in capsys.readouterr().err


def test_the_story_of_a_kept_document(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("0", "00" * 16, "first"):
        text = output(["explain", "doc", name, "--run", str(finished_run)], capsys)
        assert "a.jsonl, row 0" in text
        assert "edited by clean (whitespace)" in text
        assert "kept: split train, 3 tokens" in text
        assert "in tokens/train/shard-00000.arrow, row 1" in text


def test_the_story_of_dropped_documents(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = values(["explain", "doc", "same", "--run", str(finished_run)], capsys)
    few_words, copy = found["documents"]
    assert (few_words["rule"], few_words["value"], few_words["threshold"]) == ("min_words", 12.0, 50.0)
    assert few_words["signals"] == {"gopher_quality.num_words": 12}
    assert (copy["file"], copy["row"]) == ("b.jsonl", 0)
    assert copy["duplicate_of"]["doc"] == 0
    assert (copy["similarity"], copy["shared_bands"]) == (0.875, 9)
    text = output(["explain", "doc", "same", "--run", str(finished_run)], capsys)
    assert "(value 12, threshold 50)" in text
    assert "near_duplicate (similarity 0.875, 9 shared bands)\n" in text


def test_the_story_of_a_near_duplicate_says_its_similarity_once(
    finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = finished_run / "rejects/part-00000.parquet"
    table = pq.read_table(file)
    for name, numbers in (("value", [12.0, 0.875]), ("threshold", [50.0, 0.8])):
        table = table.set_column(table.column_names.index(name), name, pa.array(numbers))
    pq.write_table(table, file)
    text = output(["explain", "doc", "same", "--run", str(finished_run)], capsys)
    assert "near_duplicate (similarity 0.875, threshold 0.8, 9 shared bands)\n" in text


def test_a_run_without_tokens_tells_of_none(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = finished_run / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    manifest["counts"]["tokens"] = {}
    file.write_text(json.dumps(manifest), encoding="utf-8")
    text = output(["explain", "doc", "0", "--run", str(finished_run)], capsys)
    assert "kept: split train, in the cluster" in text


@pytest.mark.parametrize(
    ("id_field", "reader", "is_said"),
    [(None, None, True), ("url", None, False), (None, {"use": "a.b"}, False)],
)
def test_a_run_without_ids_says_so(
    id_field: str | None,
    reader: object,
    is_said: bool,
    finished_run: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan = {"sources": [{"engine": {"name": "web", "id": id_field}, "reader": reader}]}
    (finished_run / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    assert main(["explain", "doc", "no-such-id", "--run", str(finished_run)]) == 2
    assert ("no source of this run names an `id` field" in capsys.readouterr().err) is is_said


@pytest.mark.parametrize(
    ("verb", "next_command"),
    [("verify", "`gristmill curate "), ("inspect", "`gristmill curate "), ("report", "`gristmill run`")],
)
def test_an_unfinished_run_says_how_far_it_got(
    verb: str, next_command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "work").mkdir()
    assert main([verb, str(tmp_path)]) == 2
    assert "last stage" not in capsys.readouterr().err
    lines = (
        '{"stage": "plan", "done": 1, "total": 1}\n{"stage": "map", "done": 2, "total": 5}\n{"stage": "dec'
    )
    (tmp_path / "events.jsonl").write_text(lines, encoding="utf-8")
    assert main([verb, str(tmp_path)]) == 2
    shown = capsys.readouterr().err
    assert "the last stage in `events.jsonl` is `map`, 2 of 5 done" in shown
    assert next_command in shown


def test_a_document_that_is_not_there(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "doc", "12345", "--run", str(finished_run)]) == 2
    assert "GM-CLI-009" in capsys.readouterr().err
    assert main(["explain", "doc", "1", "--run", str(finished_run.parent)]) == 2
    assert "GM-RUN-002" in capsys.readouterr().err
    assert main(["explain", "doc"]) == 2
    assert "GM-CLI-001" in capsys.readouterr().err


def test_every_error_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    listing = output(["explain", "error"], capsys)
    for code, page in catalogue().items():
        assert code in listing
        assert page.remedy in output(["explain", "error", code.lower()], capsys)


@pytest.mark.parametrize("name", ["gopher_quality.min_words", "min_words", "gopher_quality.num_words"])
def test_explain_a_rule(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(["explain", "rule", name], capsys)
    assert "`gopher_quality.num_words` >= 50" in text


def test_explain_a_whole_step(capsys: pytest.CaptureFixture[str]) -> None:
    text = output(["explain", "rule", "c4_quality"], capsys)
    assert "arXiv 1910.10683" in text
    assert "remove_javascript = true" in text


def test_explain_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert "run.seed" in output(["explain", "key", "run.seed"], capsys)
    assert 'default "8MiB"' in output(["explain", "key", "max_document_bytes"], capsys)
    assert "minhash_dedup.min_similarity = 0.8" in output(["explain", "key"], capsys)


@pytest.mark.parametrize(
    ("kind", "name", "suggestion"),
    [
        ("rule", "gopher_qualty", "`gopher_quality`"),
        ("key", "run.sed", "`run.seed`"),
        ("error", "GM-RUN-999", "GM-RUN-"),
        ("rule", "toy.size", "`--plugins-dir DIR`"),
    ],
)
def test_explain_what_is_not_there(
    kind: str, name: str, suggestion: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", kind, name]) == 2
    shown = capsys.readouterr().err
    assert "GM-CLI-009" in shown
    assert suggestion in shown


def test_doctor_and_version(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = values(["doctor"], capsys)["doctor"]
    assert found["pyarrow"]
    assert "cores" in found["processor"]
    assert found["extra ray"] == "not used by this version"
    assert values(["version"], capsys)["version"]
    (tmp_path / "tokenizer.json").write_text(
        json.dumps(
            {
                "version": "1.0",
                "truncation": None,
                "padding": None,
                "normalizer": None,
                "pre_tokenizer": {"type": "WhitespaceSplit"},
                "post_processor": None,
                "decoder": None,
                "added_tokens": [
                    {
                        "id": 1,
                        "content": "<|end|>",
                        "single_word": False,
                        "lstrip": False,
                        "rstrip": False,
                        "normalized": False,
                        "special": True,
                    }
                ],
                "model": {"type": "WordLevel", "vocab": {"a": 0, "<unk>": 2}, "unk_token": "<unk>"},
            }
        ),
        encoding="utf-8",
    )
    shown = output(["doctor", "--tokenizer", str(tmp_path)], capsys)
    assert "<|end|> (1)" in shown
    assert "the `tokenizers` library: the model is of type WordLevel, not BPE" in shown
    assert main(["doctor", "--tokenizer", str(tmp_path / "none")]) == 2
    assert "GM-TOKENS-001" in capsys.readouterr().err


def test_a_container_limit_counts(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 1000 kB\nMemAvailable: 900 kB\n", encoding="utf-8")
    assert memory_bytes(tmp_path) == (1_024_000, 921_600)
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/memory.max").write_text("500000\n", encoding="utf-8")
    (tmp_path / "sys/fs/cgroup/memory.current").write_text("100000\n", encoding="utf-8")
    assert memory_bytes(tmp_path) == (500_000, 400_000)


def test_processor_features(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("flags : fpu avx2 avx512f\n", encoding="utf-8")
    assert cpu_features(tmp_path / "cpuinfo") == ["avx2", "avx512f"]
    assert cpu_features(tmp_path / "none") == []


def test_doctor_lists_every_dependency_and_extra(capsys: pytest.CaptureFixture[str]) -> None:
    found = values(["doctor"], capsys)["doctor"]
    assert isinstance(found, dict)
    metadata = importlib.metadata.metadata("gristmill")
    extras = set(metadata.get_all("Provides-Extra") or ()) & {"chat", "train", "ray"}
    assert {f"extra {name}" for name in extras} <= set(found)
    assert {"numpy", "pyarrow", "polars", "pydantic", "pluggy", "extra chat"} <= set(found)
