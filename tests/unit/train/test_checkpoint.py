from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from gristmill.train.checkpoint import Checkpoint, load_latest, save_checkpoint
from gristmill.train.files import read_json


def checkpoint(step: int, fingerprint: str = "f") -> Checkpoint:
    return Checkpoint(
        step=step,
        fingerprint=fingerprint,
        weights={"a.weight": torch.full((2, 3), float(step))},
        optimiser={
            "exp_avg/a.weight": torch.full((2, 3), step / 2),
            "step/a.weight": torch.tensor(float(step)),
        },
        state={"loader": {"epoch": step}},
    )


def latest(folder: Path, fingerprint: str = "f") -> tuple[Checkpoint | None, list[str]]:
    reasons: list[str] = []
    return load_latest(folder, fingerprint, on_ignored=reasons.append), reasons


def test_a_checkpoint_comes_back_with_the_random_state(tmp_path: Path) -> None:
    torch.manual_seed(5)
    save_checkpoint(tmp_path, checkpoint(3), keep=2)
    expected = torch.rand(4)
    torch.manual_seed(99)
    found, reasons = latest(tmp_path)
    assert torch.equal(torch.rand(4), expected)
    assert reasons == []
    assert found.step == 3
    assert found.state == {"loader": {"epoch": 3}}
    assert torch.equal(found.weights["a.weight"], torch.full((2, 3), 3.0))
    assert torch.equal(found.optimiser["step/a.weight"], torch.tensor(3.0))


def test_only_the_latest_stay(tmp_path: Path) -> None:
    for step in (1, 2, 10):
        save_checkpoint(tmp_path, checkpoint(step), keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.json", "step-00000002", "step-00000010"]


def test_the_best_and_those_asked_for_stay_and_pointers_name_them(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1), keep=1, best=1)
    for step in (2, 3, 4, 5):
        save_checkpoint(tmp_path, checkpoint(step), keep=1, best=1, also=(3, 4))
    assert sorted(path.name for path in tmp_path.glob("step-*")) == [
        f"step-{step:08d}" for step in (1, 3, 4, 5)
    ]
    assert read_json(tmp_path / "best.json") == {"step": 1, "folder": "step-00000001"}
    assert read_json(tmp_path / "last.json") == {"step": 5, "folder": "step-00000005"}


def test_only_plain_formats_are_written(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, checkpoint(1), keep=2)
    assert {file.suffix for file in path.iterdir()} == {".safetensors", ".json"}


def flip(path: Path) -> None:
    content = bytearray((path / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (path / "weights.safetensors").write_bytes(content)


def lose_a_file(path: Path) -> None:
    (path / "optimiser.safetensors").unlink()


def lose_the_receipt(path: Path) -> None:
    (path / "receipt.json").unlink()


def spoil_the_receipt(path: Path) -> None:
    (path / "receipt.json").write_text("{")


def change_the_state(path: Path) -> None:
    (path / "state.json").write_text("{}")


@pytest.mark.parametrize("damage", [flip, lose_a_file, lose_the_receipt, spoil_the_receipt, change_the_state])
def test_a_damaged_one_is_passed_over_with_a_reason(tmp_path: Path, damage) -> None:
    save_checkpoint(tmp_path, checkpoint(1), keep=2)
    damage(save_checkpoint(tmp_path, checkpoint(2), keep=2))
    found, reasons = latest(tmp_path)
    assert found.step == 1
    assert len(reasons) == 1
    assert "step-00000002" in reasons[0]


def test_a_half_written_one_is_passed_over_and_removed(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1), keep=2)
    unfinished = tmp_path / ".step-00000002.123.tmp"
    shutil.copytree(tmp_path / "step-00000001", unfinished)
    found, reasons = latest(tmp_path)
    assert found.step == 1
    assert "not finished" in reasons[0]
    assert not unfinished.exists()


def test_one_of_another_training_does_not_count(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, checkpoint(1, "other"), keep=2)
    found, reasons = latest(tmp_path)
    assert found is None
    assert "other settings" in reasons[0]


def test_no_folder_is_no_checkpoint(tmp_path: Path) -> None:
    assert latest(tmp_path / "none") == (None, [])
