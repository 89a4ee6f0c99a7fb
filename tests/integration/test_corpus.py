"""The whole sample corpus of real documents, where there is one: it finishes, is proven, and stays inside its memory."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gristmill.curate.run import open_run
from gristmill.curate.verify import verify_run

DATA = os.environ.get("GRISTMILL_DATA")

RECIPE = """
[run]
output = "run"
[[source]]
name = "documents"
paths = ["{corpus}/documents-*.jsonl.zst", "{corpus}/small.jsonl.zst"]
id = "id"
[[source]]
name = "short"
paths = ["{corpus}/short-texts.jsonl.gz"]
id = "id"
[[source]]
name = "code"
paths = ["{corpus}/code-and-licences.parquet"]
id = "id"
[[step]]
use = "clean"
[[step]]
use = "gopher_repetition"
[[step]]
use = "gopher_quality"
where = {{ lang = "en" }}
[[step]]
use = "c4_quality"
where = {{ lang = "en" }}
[[step]]
use = "fineweb_quality"
where = {{ lang = "en" }}
[[step]]
use = "exact_dedup"
[[step]]
use = "minhash_dedup"
"""


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(DATA is None, reason="GRISTMILL_DATA is not set")
def test_the_sample_corpus_is_curated_within_its_memory(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE.format(corpus=Path(str(DATA)) / "corpus"), encoding="utf-8")
    command = [
        str(Path(sys.executable).parent / "gristmill"),
        "curate",
        str(tmp_path / "recipe.toml"),
        "--workers",
        "2",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    peak_kib = 0
    while process.poll() is None:
        peak_kib = max(peak_kib, resident_kib(process.pid))
        time.sleep(0.05)
    assert process.stderr is not None
    assert process.returncode == 0, process.stderr.read()
    process.stderr.close()
    run = open_run(tmp_path / "run")
    # 106,720 documents of the corpus, and copies of 1,496 of them.
    assert run.counts["documents_in"] == 108_216
    assert run.counts["quarantined"] == 0
    report = verify_run(run.path)
    assert report.ok, report
    assert 0 < peak_kib < 1.5 * 2**20, f"{peak_kib / 1024:.0f} MiB"


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(DATA is None, reason="GRISTMILL_DATA is not set")
def test_the_sample_corpus_gives_one_digest_for_any_workers_and_after_ten_kills(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE.format(corpus=Path(str(DATA)) / "corpus"), encoding="utf-8")

    def start(output: str, workers: int) -> subprocess.Popen[bytes]:
        gristmill = str(Path(sys.executable).parent / "gristmill")
        command = [gristmill, "curate", str(tmp_path / "recipe.toml"), "--output", str(tmp_path / output)]
        return subprocess.Popen([*command, "--workers", str(workers), "--json"], stdout=subprocess.DEVNULL)

    digests = set()
    started = time.monotonic()
    for workers in (1, 2, 3):
        assert start(f"run-{workers}", workers).wait(timeout=250) == 0
        digests.add(open_run(tmp_path / f"run-{workers}").digest)
    assert start("run-2", 2).wait(timeout=60) == 0
    digests.add(open_run(tmp_path / "run-2").digest)
    duration_s = (time.monotonic() - started) / 3
    moments = random.Random(10)
    killed = 0
    while killed < 10:
        process = start("killed", 2)
        try:
            process.wait(timeout=duration_s * moments.uniform(0.05, 0.4))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
        else:
            shutil.rmtree(tmp_path / "killed")
    assert start("killed", 2).wait(timeout=250) == 0
    digests.add(open_run(tmp_path / "killed").digest)
    assert len(digests) == 1
    assert verify_run(tmp_path / "killed").ok


def resident_kib(pid: int) -> int:
    """Return the resident set of a process and all its descendants, in KiB."""
    total = 0
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total = int(line.split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return total
    return total + sum(resident_kib(int(child)) for child in children)
