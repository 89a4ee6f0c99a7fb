from __future__ import annotations

from pathlib import Path

import pytest
from shard_fixture import Made, write_run
from tiny import trained

from gristmill.errors import GristmillError
from gristmill.shards import open_shards
from gristmill.train.tasks import has_untrained_tokens


def shards_with(folder: Path, *masks: list[int] | None):
    tokens = list(range(1, 9))
    write_run(folder, [Made(tokens=tokens, mask=mask) for mask in masks], num_shards=1, rows=2)
    return open_shards(folder)


@pytest.mark.parametrize(
    ("masks", "is_there"),
    [
        ([None, None, None], False),
        ([[0, 8], None, [0, 8]], False),
        ([None, None, None, [3, 5]], True),
        ([[0, 5, 3]], True),
        ([[0, 8], [8]], True),
    ],
)
def test_untrained_tokens_are_found_in_any_document(tmp_path: Path, masks, is_there: bool) -> None:
    assert has_untrained_tokens(shards_with(tmp_path, *masks)) == is_there


def test_instruct_refuses_shards_without_masks(tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as caught:
        trained(tmp_path, task="instruct", steps=1)
    assert caught.value.code == "GM-TRAIN-070"
    assert "train_on" in str(caught.value.hint)
    assert not (tmp_path / "train").exists()


def test_instruct_trains_what_causal_trains_on_masked_shards(tmp_path: Path) -> None:
    losses = {}
    for task in ("causal", "instruct"):
        documents = [Made(tokens=list(range(1, 30)), mask=[10, 19]) for _ in range(8)]
        write_run(tmp_path / task, documents)
        result = trained(tmp_path / task, task=task, steps=2)
        losses[task] = result.loss
        assert result.ledger["trained"] % 19 == 0
    assert losses["causal"] == losses["instruct"]
