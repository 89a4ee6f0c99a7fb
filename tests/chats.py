"""What tests of chat and classification share: a tokenizer whose ids are bytes, a ChatML template, conversations."""

from __future__ import annotations

import json
from pathlib import Path

CONTROLS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def byte_characters() -> list[str]:
    """Return the character that stands for each byte in byte-level vocabularies."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def write_model(folder: Path, template: str = TEMPLATE) -> None:
    """Write a tokenizer whose ids are the bytes, three control tokens behind them, and a template."""
    folder.mkdir(exist_ok=True)
    added = [
        {
            "id": 256 + number,
            "content": content,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for number, content in enumerate(CONTROLS)
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "vocab": {character: byte for byte, character in enumerate(byte_characters())},
            "merges": [],
        },
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


def ids(text: str) -> list[int]:
    """Return the ids of a text whose control tokens are meant."""
    found: list[int] = []
    while text:
        control = next((one for one in CONTROLS if text.startswith(one)), None)
        if control is not None:
            found.append(256 + CONTROLS.index(control))
            text = text[len(control) :]
        else:
            found += text[0].encode()
            text = text[1:]
    return found


def conversation(number: int, *, exchanges: int = 2, system: bool = False) -> list[dict[str, str]]:
    """Return a conversation that no other number has."""
    messages = [{"role": "system", "content": f"Answer as miller {number}."}] if system else []
    for turn in range(exchanges):
        messages.append({"role": "user", "content": f"Question {turn} of {number}: was mahlt die Mühle?"})
        messages.append(
            {"role": "assistant", "content": f"Answer {turn} of {number}: grain, 小麦 and rye.\n"}
        )
    return messages


def write_lines(path: Path, rows: list[dict[str, object]]) -> None:
    """Write JSON Lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def write_recipe(folder: Path, source: str, tokens: str, more: str = "") -> Path:
    """Write a recipe with the source `data` and the model of `write_model`."""
    path = folder / "recipe.toml"
    path.write_text(
        f'[run]\noutput = "run"\nseed = 7\n[[source]]\nname = "data"\nid = "id"\n{source}\n{more}\n'
        f'[split]\nvalidation = 0.2\n[tokens]\ntokenizer = "model"\n{tokens}\n',
        encoding="utf-8",
    )
    return path
