"""The guide to `gristmill bench` names options and stages that exist, and all stages."""

from __future__ import annotations

import re
from pathlib import Path

from gristmill.bench.contenders import CONTENDERS
from gristmill.bench.run import ALL_STAGES
from gristmill.cli.main import make_parser

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "measure-throughput.md").read_text(encoding="utf-8")


def test_the_bash_lines_name_options_that_exist() -> None:
    lines = re.findall(r"^gristmill (bench.*)$", GUIDE, re.MULTILINE)
    assert len(lines) == 4
    for line in lines:
        make_parser("bench").parse_args(line.split())


def test_every_stage_and_rival_is_named() -> None:
    for stage in ALL_STAGES:
        assert f"`{stage}`" in GUIDE
    for one in CONTENDERS:
        assert one.name in ("limit", "gristmill") or f"`{one.name}`" in GUIDE
