"""The Triton versions of the kernels: interpreted on the CPU, and their index arithmetic."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gristmill.train.kernels import backend

pytest.importorskip("triton")


@pytest.mark.slow
def test_every_kernel_gives_what_its_twin_gives_in_the_interpreter():
    cases = Path(__file__).parent / "interpreted.py"
    root = Path(__file__).parents[4]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            str(cases),
        ],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    counts = re.search(r"(\d+) passed in", done.stdout)
    assert counts, done.stdout[-500:]
    assert int(counts[1]) > 60
    assert "skipped" not in done.stdout.splitlines()[-1]


def test_float64_and_overlong_rows_are_the_twins():
    assert not backend.runs_triton(torch.zeros(2, dtype=torch.float64))
    assert not backend.runs_triton(torch.zeros(2), columns=backend.MAX_FUSED_COLUMNS + 1)


@pytest.mark.parametrize("name", ["rms_norm", "glu", "rope", "cross_entropy_rows", "segment_sum"])
def test_what_is_multiplied_into_an_offset_is_64_bits_wide(name):
    """Above 2^31 elements a 32-bit product wraps; every program number is widened before it is multiplied."""
    text = (Path(backend.__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    kernels = [part for part in text.split("@jit")[1:] if "program_id" in part]
    assert kernels
    for kernel in kernels:
        for line in kernel.splitlines():
            if "tl.program_id" in line:
                variable = line.split("=")[0].strip()
                used = [
                    row
                    for row in kernel.splitlines()
                    if re.search(rf"\b{variable}\b \*|\* \b{variable}\b", row)
                ]
                assert "int64" in line or not used, line
