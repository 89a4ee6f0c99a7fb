"""A small finished run with masks, made by pyarrow alone, for tests that open shards elsewhere."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

_FIXTURE = Path(__file__).parents[1] / "unit/shards/shard_fixture.py"


def shard_fixture() -> ModuleType:
    """Return the module that writes small runs."""
    import sys

    if "shard_fixture" not in sys.modules:
        spec = importlib.util.spec_from_file_location("shard_fixture", _FIXTURE)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["shard_fixture"] = module
        spec.loader.exec_module(module)
    return sys.modules["shard_fixture"]


def masked_run(folder: Path, *, is_narrow: bool = True, with_empty: bool = False) -> Path:
    """Write a run of 47 documents, four with a mask, one without an id, and a validation split of five."""
    fixture = shard_fixture()
    documents = fixture.made_documents(40)
    documents += [
        fixture.Made(tokens=[1, 2, 3, 4], source="books", mask=[1, 2, 1], id="masked"),
        fixture.Made(tokens=[5, 6], mask=[0, 2], id="é"),
        fixture.Made(tokens=[5, 6, 7], mask=[0, 1, 0, 1, 1]),
        fixture.Made(tokens=[9] * 300, mask=[300], id=""),
        fixture.Made(tokens=[60] * 256, id="256"),
        fixture.Made(tokens=[61] * 255, id="255"),
        fixture.Made(tokens=[62], id="1"),
    ]
    if with_empty:
        documents.append(fixture.Made(tokens=[], id="empty"))
    return fixture.write_run(folder, documents, fixture.made_documents(5, seed=8), is_narrow=is_narrow)
