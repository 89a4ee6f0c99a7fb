"""A disk that takes no more: a clear error, committed work stays, and the same command finishes later."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from tests.support import write_corpus

from gristmill.curate.run import curate


def run_limited(recipe: Path, max_file_bytes: int) -> subprocess.CompletedProcess[str]:
    """Run `gristmill curate` with a limit on the size of any file that it writes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))

    command = [str(Path(sys.executable).parent / "gristmill"), "curate", str(recipe), "--workers", "1"]
    return subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, check=False)


def test_a_file_that_cannot_grow_is_a_clear_error_and_the_run_resumes(tmp_path: Path) -> None:
    (tmp_path / "reference").mkdir()
    reference = curate(write_corpus(tmp_path / "reference"), workers=1).digest
    (tmp_path / "full").mkdir()
    recipe = write_corpus(tmp_path / "full")
    done = run_limited(recipe, 3_000)
    assert done.returncode == 3, done.stderr
    assert "code: GM-IO-001" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "full" / "run" / "manifest.json").exists()
    assert curate(recipe, workers=1).digest == reference
