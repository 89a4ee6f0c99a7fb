"""Verbs hand the right things to the parts that do the work, and show what comes back. Those parts are stand-ins here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from gristmill.cli.main import main
from gristmill.errors import GristmillError

RECIPE = """
[run]
output = "runs/demo"
[[source]]
name = "web"
paths = ["a.jsonl"]
weight = 2.0
[tokens]
tokenizer = "tokenizer.json"
"""
TRAIN = '[train]\nmodel = "model"\nsteps = 3\nbetas = [0.9, 0.99]\n[train.lora]\nrank = 4\n'
COUNTS = {
    "documents_in": 3,
    "kept": 1,
    "dropped": 2,
    "quarantined": 0,
    "by_source": {
        "web": {"documents_in": 3, "kept": 1, "quarantined": 0, "dropped": {"exact_dedup.duplicate": 2}}
    },
    "tokens": {"train": {"documents": 1, "tokens": 1234}},
}


@dataclass
class Calls:
    """What the stand-ins were called with."""

    curate: list[dict[str, object]] = field(default_factory=list)
    train: list[tuple[Path, Path | None]] = field(default_factory=list)
    report: list[dict[str, object]] = field(default_factory=list)


@dataclass(frozen=True)
class StandInPlan:
    """A plan with what the verbs use."""

    vocabulary_size: int = 10
    seed: int = 1
    caveat: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        return ("a.jsonl",)

    @property
    def tokenizer(self) -> SimpleNamespace:
        return SimpleNamespace(vocabulary_size=self.vocabulary_size)

    def to_json_dict(self) -> dict[str, object]:
        return {"fingerprint": f"f{self.seed}", "seed": self.seed, "limits": (1, 2)}

    def describe(self) -> list[str]:
        return ["plan f", "steps:"]


def module(name: str, **members: object) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(members)
    return made


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Calls:
    made = Calls()

    def curate(
        recipe_path: Path, *, on_event: Callable[[dict[str, object]], None], **options: object
    ) -> object:
        made.curate.append({"recipe": recipe_path, **options})
        on_event({"stage": "map", "done": 1, "total": 1, "message": ""})
        if options["executor"] != "local":
            raise GristmillError("GM-RUN-004", f"there is no executor `{options['executor']}`")
        return SimpleNamespace(
            path=tmp_path / "runs/demo",
            counts=COUNTS,
            manifest={"dedup": None},
            digest="blake3:ab",
            num_run=5,
            num_reused=2,
        )

    def write_report(run: Path, **options: object) -> Path:
        made.report.append({"run": run, **options})
        return run / "report.html"

    def train_recipe(recipe_path: Path, *, output: Path | None, **_options: object) -> object:
        made.train.append((recipe_path, output))
        run_dir = tmp_path / "runs/demo"
        return SimpleNamespace(
            folder=run_dir / "train",
            is_complete=True,
            was_finished=False,
            steps=3,
            loss=2.0,
            first_validation_loss=3.25,
            last_validation_loss=2.5,
            trained_tokens=999,
            model=None,
            adapter=run_dir / "train/adapter",
            exported={},
            waits={},
            seeds={},
            seconds=1.0,
        )

    monkeypatch.setitem(sys.modules, "gristmill.curate.run", module("gristmill.curate.run", curate=curate))
    monkeypatch.setitem(
        sys.modules, "gristmill.report.build", module("gristmill.report.build", write_report=write_report)
    )
    name = "gristmill.train.from_recipe"
    monkeypatch.setitem(sys.modules, name, module(name, train_recipe=train_recipe))
    return made


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> None:
    def make_plan(recipe: object) -> StandInPlan:
        return StandInPlan()

    monkeypatch.setitem(
        sys.modules, "gristmill.curate.plan", module("gristmill.curate.plan", make_plan=make_plan)
    )


def test_curate(recipe: Path, calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["curate", str(recipe), "--workers", "2", "--output", "elsewhere"]) == 0
    assert calls.curate == [
        {"recipe": recipe, "workers": 2, "executor": "local", "output": Path("elsewhere")}
    ]
    shown = capsys.readouterr()
    assert "dropped: exact_dedup.duplicate        2" in shown.out
    assert "tokens: train                     1,234" in shown.out
    assert "5 run, 2 used again" in shown.err


def test_curate_as_json(recipe: Path, calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["curate", str(recipe), "--json"]) == 0
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert document["counts"] == COUNTS
    assert document["digest"] == "blake3:ab"
    assert shown.err == ""


def test_curate_with_an_executor_that_is_not_there(
    recipe: Path, calls: Calls, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["curate", str(recipe), "--executor", "ray"]) == 2
    assert "GM-RUN-004" in capsys.readouterr().err


def test_run_does_what_the_recipe_has(recipe: Path, calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(recipe), "--quiet"]) == 0
    assert (len(calls.curate), len(calls.train), len(calls.report)) == (1, 0, 1)
    recipe.write_text(RECIPE + TRAIN, encoding="utf-8")
    assert main(["run", str(recipe)]) == 0
    assert (len(calls.curate), len(calls.train), len(calls.report)) == (2, 1, 2)
    shown = capsys.readouterr()
    assert "3.2500 before, 2.5000 after" in shown.out
    assert shown.out.splitlines()[-1].endswith("report.html")


def test_train_gets_recipe_and_folder(recipe: Path, calls: Calls) -> None:
    assert main(["train", str(recipe), "--output", "other"]) == 0
    assert calls.train == [(recipe, Path("other"))]


def test_training_without_tokens_is_found_before_curating(
    recipe: Path, calls: Calls, planned: None, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe.write_text(RECIPE.partition("[tokens]")[0] + TRAIN, encoding="utf-8")
    for verb in ("check", "run"):
        assert main([verb, str(recipe)]) == 2
        assert "GM-CLI-010" in capsys.readouterr().err
    assert calls.curate == []


def test_train_that_was_stopped_says_so(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def train_recipe(*_arguments: object, **_options: object) -> object:
        return SimpleNamespace(is_complete=False, steps=7)

    name = "gristmill.train.from_recipe"
    monkeypatch.setitem(sys.modules, name, module(name, train_recipe=train_recipe))
    recipe.write_text(RECIPE + TRAIN, encoding="utf-8")
    assert main(["train", str(recipe)]) == 130
    assert "after step 7" in capsys.readouterr().err


def test_train_without_torch_says_what_to_install(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.startswith("gristmill.train.")]:
        monkeypatch.delitem(sys.modules, name)
    recipe.write_text(RECIPE + TRAIN, encoding="utf-8")
    assert main(["train", str(recipe)]) == 2
    shown = capsys.readouterr().err
    assert "not installed" in shown
    assert "gristmill[train]" in shown


def test_report(tmp_path: Path, calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path), "--format", "md"]) == 0
    assert calls.report == [{"run": tmp_path, "format": "md", "output": None, "plugins_dir": None}]
    assert capsys.readouterr().out == f"{tmp_path / 'report.html'}\n"


def test_plan(recipe: Path, planned: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(recipe)]) == 0
    assert capsys.readouterr().out == "plan f\nsteps:\n"
    assert main(["plan", str(recipe), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["plan"]["seed"] == 1


def test_plan_diff(recipe: Path, planned: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = tmp_path / "plan.json"
    old.write_text(json.dumps(StandInPlan().to_json_dict()), encoding="utf-8")
    assert main(["plan", str(recipe), "--diff", str(tmp_path)]) == 0
    assert "no difference" in capsys.readouterr().out
    old.write_text(json.dumps(StandInPlan(seed=2).to_json_dict()), encoding="utf-8")
    assert main(["plan", str(recipe), "--diff", str(old)]) == 0
    assert capsys.readouterr().out == "seed: 2 -> 1\n"
    assert main(["plan", str(recipe), "--diff", str(tmp_path / "none.json")]) == 2
    assert "GM-CLI-008" in capsys.readouterr().err


def test_check(recipe: Path, planned: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(recipe), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["sources"], found["files"], found["train"]) == (True, 1, 1, False)
    assert main(["check", str(recipe)]) == 0
    assert "is sound: 1 source with 1 file, 0 steps\n" in capsys.readouterr().out


def test_check_looks_at_the_model(
    recipe: Path, planned: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe.write_text(RECIPE + TRAIN, encoding="utf-8")
    model = tmp_path / "model"
    assert main(["check", str(recipe)]) == 2
    assert "GM-CLI-011" in capsys.readouterr().err
    model.mkdir()
    (model / "config.json").write_text('{"vocab_size": 9}', encoding="utf-8")
    assert main(["check", str(recipe)]) == 2
    assert "no `*.safetensors` weights" in capsys.readouterr().err
    (model / "model.safetensors").write_bytes(b"")
    assert main(["check", str(recipe)]) == 2
    assert "GM-CLI-007" in capsys.readouterr().err
    tiny = {
        "model_type": "llama",
        "vocab_size": 10,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    (model / "config.json").write_text(json.dumps(tiny), encoding="utf-8")
    assert main(["check", str(recipe)]) == 0
    assert "memory: a step of" in capsys.readouterr().out


@pytest.mark.parametrize(("ok", "exit_code", "word"), [(True, 0, "ok  "), (False, 1, "FAIL")])
def test_verify(
    ok: bool,
    exit_code: int,
    word: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    check = SimpleNamespace(name="digests", ok=ok, detail="8 files")

    def verify_run(path: Path) -> object:
        return SimpleNamespace(ok=ok, checks=(check,))

    stand_in = module("gristmill.curate.verify", verify_run=verify_run)
    monkeypatch.setitem(sys.modules, "gristmill.curate.verify", stand_in)
    assert main(["verify", "runs/demo"]) == exit_code
    shown = capsys.readouterr()
    assert shown.out == f"{word}  digests  8 files\n"
    assert ("GM-CLI-013" in shown.err) is not ok
    assert main(["verify", "runs/demo", "--json"]) == exit_code
    assert json.loads(capsys.readouterr().out)["ok"] is ok


def test_plugins_are_listed_and_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plugin = (
        "from gristmill.plugins.api import Signal, col, hookimpl\n"
        "gristmill_api = 1\n"
        "class Size(Signal):\n"
        '    """Bytes of a text."""\n'
        '    name, version, outputs = "size", 1, {"size": "uint32"}\n'
        "    def expr(self):\n"
        '        return col("text").str.len_bytes()\n'
        "@hookimpl\n"
        "def register_signals(register):\n"
        "    register(Size)\n"
    )
    (tmp_path / "toy.py").write_text(plugin, encoding="utf-8")
    place = ["--plugins-dir", str(tmp_path)]
    assert main(["plugin", "list", *place, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["plugins"]
    assert [item["operators"] for item in listed if item["name"] == "toy"] == [["toy.size"]]
    assert main(["plugin", "show", "toy", *place]) == 0
    text = capsys.readouterr().out
    assert "toy.size (signal, version 1): Bytes of a text." in text
    assert "min, max, min_size, max_size" in text
    assert main(["explain", "rule", "toy.size", *place]) == 0
    assert "toy.size (signal, version 1): Bytes of a text." in capsys.readouterr().out
    assert main(["plugin", "test", "toy", *place]) == 0
    assert "ok    types and lengths" in capsys.readouterr().out
    assert main(["plugin", "new", "finance", "--directory", str(tmp_path)]) == 0
    assert (tmp_path / "gristmill-finance/pyproject.toml").is_file()
    assert main(["plugin", "shwo"]) == 2


def test_gc_removes_only_garbage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work = tmp_path / "work"
    for folder in ("data", "manifests", "scratch/map-00000"):
        (work / folder).mkdir(parents=True)
    (work / "lock").touch()
    manifest = {"outputs": {"text": {"file": "text-good"}}}
    (work / "manifests/map-00000-aa.json").write_text(json.dumps(manifest), encoding="utf-8")
    garbage = ["data/text-bad", "manifests/map-00000-aa.b.stale", "scratch/map-00000/run"]
    for name in [*garbage, "data/text-good"]:
        (work / name).write_bytes(b"12345")
    assert main(["gc", str(tmp_path), "--dry-run"]) == 0
    assert capsys.readouterr().out == "would remove 3 files, 15 bytes\n"
    assert main(["gc", str(tmp_path)]) == 0
    assert sorted(path.name for path in work.rglob("*") if path.is_file()) == [
        "lock",
        "map-00000-aa.json",
        "text-good",
    ]
    assert main(["gc", str(tmp_path), "--all"]) == 2
    assert "GM-RUN-002" in capsys.readouterr().err
    (tmp_path / "manifest.json").write_text("{}", encoding="utf-8")
    assert main(["gc", str(tmp_path), "--all"]) == 0
    assert [path.name for path in work.rglob("*") if path.is_file()] == ["lock"]
    assert main(["gc", str(tmp_path / "none")]) == 2
