"""Golden bytes: the digests of everything that a run of the twenty documents writes.

A difference means that the same inputs give other bytes than before: raise the version of the stage or step that changed
(`STAGE_VERSIONS`, `version` of a step), say so in the CHANGELOG, and only then put the new digests here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from tests.support import write_corpus

from gristmill.curate.run import curate

GOLDEN = {
    "decisions/part-00000.parquet": "b242ee893c535504",
    "decisions/part-00001.parquet": "60fd0ceaab10c130",
    "documents/part-00000.parquet": "a52aa784b9d0a5b8",
    "documents/part-00001.parquet": "aae95bb2cc21fdca",
    "edits/part-00000.parquet": "e8415baa32eb9b02",
    "edits/part-00001.parquet": "e8533a4c905dbd8f",
    "rejects/part-00000.parquet": "a379e4d2be4a3c14",
    "rejects/part-00001.parquet": "be1dc233f44fca55",
    "signals/part-00000.parquet": "0e2378443f208790",
    "signals/part-00001.parquet": "f1c90bd9bc9712b5",
    "tokens/train/shard-00000.arrow": "cb42b0146f00a7d8",
    "tokens/validation/shard-00000.arrow": "cf4321b037678e17",
}


def test_every_file_has_its_golden_digest(tmp_path: Path) -> None:
    run = curate(write_corpus(tmp_path), workers=1)
    files = cast(Sequence[Mapping[str, object]], run.manifest["files"])
    found = {str(file["path"]): str(file["digest"]).removeprefix("blake3:")[:16] for file in files}
    assert found == GOLDEN
