"""The example documents, by id. `sms-*`: SMS Spam Collection (CC BY 4.0); `clinc-*`: CLINC150 (CC BY 3.0)."""

import json
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def example() -> dict[str, str]:
    path = Path(__file__).parent.parent / "example" / "documents.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {row["id"]: row["text"] for row in rows}
