from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from tiny import LLAMA, config, run_folder, trained

import gristmill.cli
from gristmill.errors import GristmillError
from gristmill.train.models import load_model
from gristmill.train.run import train
from gristmill.train.samples import Samples, greedy

CPU = torch.device("cpu")
STARTER = Path(gristmill.cli.__file__).parent / "starter/tokenizer.json"


def model(vocabulary: int = 64):
    return load_model(
        LLAMA | {"vocab_size": vocabulary}, device=CPU, compute_dtype=torch.float32, is_frozen=False, seed=1
    )


def test_greedy_is_the_argmax_of_the_plain_model() -> None:
    causal = model()
    causal.model.train()
    found = greedy(causal, [1, 2, 3], stop=set(), max_new_tokens=8, device=CPU)
    assert causal.model.training
    causal.backbone.config._attn_implementation = "eager"
    ids = [1, 2, 3]
    with torch.no_grad():
        for _ in range(8):
            ids.append(
                int(causal.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax())
            )
    assert found == ids[3:]
    causal.backbone.config._attn_implementation = "gristmill"
    assert len(found) == 8


def test_greedy_ends_where_a_document_does() -> None:
    causal = model()
    whole = greedy(causal, [1, 2, 3], stop=set(), max_new_tokens=8, device=CPU)
    end = whole[4]
    assert greedy(causal, [1, 2, 3], stop={end}, max_new_tokens=8, device=CPU) == whole[: whole.index(end)]


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "train/samples.jsonl").read_text().splitlines()]


def size_of_vocabulary() -> int:
    found = json.loads(STARTER.read_bytes())
    return 1 + max([*found["model"]["vocab"].values(), *(token["id"] for token in found["added_tokens"])])


def test_samples_are_taken_at_each_evaluation_and_change_nothing(tmp_path: Path) -> None:
    options = {
        "model": LLAMA | {"vocab_size": size_of_vocabulary(), "attention_dropout": 0.2},
        "steps": 5,
        "eval_every_steps": 2,
        "tokenizer": STARTER,
    }
    plain = trained(tmp_path / "plain", **options)
    options["samples"] = ("Once upon", "The mill")
    trained(tmp_path / "told", **options)
    found = lines(tmp_path / "told")
    assert [line["step"] for line in found] == [0, 0, 2, 2, 4, 4, 5, 5]
    assert {line["prompt"] for line in found} == {"Once upon", "The mill"}
    assert all(isinstance(line["text"], str) and 0 <= line["num_tokens"] <= 64 for line in found)
    weights = "train/model/model.safetensors"
    assert (plain.folder.parent / weights).read_bytes() == (tmp_path / "told" / weights).read_bytes()
    parts = run_folder(tmp_path / "parts")
    while not train(config(**options), parts, on_event=lambda _: None, should_stop=lambda: True).is_complete:
        pass
    assert lines(parts) == found


def test_a_prompt_is_a_turn_where_the_tokenizer_has_a_template(tmp_path: Path) -> None:
    shutil.copyfile(STARTER, tmp_path / "tokenizer.json")
    options = {"tokenizer": tmp_path / "tokenizer.json", "samples": ("hello",)}

    def encoded() -> str:
        samples = Samples(config(**options), tmp_path)
        return samples._tokenizer.decode(samples._encode("hello"))

    assert "user:" not in encoded()
    template = "{% for turn in messages %}{{ turn.role }}: {{ turn.content }}\n{% endfor %}reply:"
    (tmp_path / "chat_template.jinja").write_text(template)
    pytest.importorskip("jinja2")
    assert encoded().strip() == "user: hello\nreply:"


def test_samples_need_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(GristmillError) as error:
        trained(tmp_path, steps=1, samples=("hello",))
    assert error.value.code == "GM-TRAIN-033"
