"""Small chat templates in the manner of well-known ones, written for these tests: same tokens, same shape."""

from __future__ import annotations

import json
from pathlib import Path


def ask(header: str) -> str:
    """Return the part of a template that asks for an answer."""
    return "{% if add_generation_prompt %}{{ '" + header + "' }}{% endif %}"


def tagged(before: str, between: str, after: str, *, begin: str = "", assistant: str = "assistant") -> str:
    """Return a template whose turns are ``before role between content after``."""
    role = f"m.role if m.role != 'assistant' else '{assistant}'"
    turn = f"{{{{ '{before}' + ({role}) + '{between}' + m.content + '{after}' }}}}"
    return f"{{{{ '{begin}' }}}}{{% for m in messages %}}{turn}{{% endfor %}}" + ask(
        f"{before}{assistant}{between}"
    )


def worded(user: str, assistant: str, between: str, end: str, *, system: str = "") -> str:
    """Return a template without role tokens: words stand before what is said."""
    return (
        "{% for m in messages %}{% if m.role == 'user' %}{{ '"
        + user
        + "' + m.content + '"
        + between
        + "' }}{% elif m.role == 'assistant' %}{{ '"
        + assistant
        + "' + m.content + '"
        + end
        + "' }}{% else %}{{ '"
        + system
        + "' + m.content + '"
        + between
        + "' }}{% endif %}{% endfor %}"
        + ask(assistant)
    )


TEMPLATES: dict[str, str] = {
    "chatml": tagged("<|im_start|>", "\\n", "<|im_end|>\\n"),
    "chatml with a beginning": tagged("<|im_start|>", "\\n", "<|im_end|>\\n", begin="<s>"),
    "llama3": tagged(
        "<|start_header_id|>", "<|end_header_id|>\\n\\n", "<|eot_id|>", begin="<|begin_of_text|>"
    ),
    "gemma": tagged("<start_of_turn>", "\\n", "<end_of_turn>\\n", begin="<bos>", assistant="model"),
    "phi3": tagged("<|", "|>\\n", "<|end|>\\n"),
    "phi4": tagged("<|im_start|>", "<|im_sep|>", "<|im_end|>"),
    "zephyr": tagged("<|", "|>\\n", "</s>\\n"),
    "granite": tagged("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>\\n"),
    "olmo": tagged("<|", "|>\\n", "<|endoftext|>", begin="<|endoftext|>"),
    "command": tagged("<|START_OF_TURN_TOKEN|><|", "_TOKEN|>", "<|END_OF_TURN_TOKEN|>", begin="<BOS_TOKEN>"),
    "falcon": worded("User: ", "Assistant: ", "\\n\\n", "<|endoftext|>\\n\\n", system="System: "),
    "mistral": "{{ '<s>' }}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
    "{% elif m.role == 'assistant' %}{{ ' ' + m.content + '</s>' }}{% else %}{{ m.content + '\\n\\n' }}{% endif %}"
    "{% endfor %}",
    "llama2": "{% for m in messages %}{% if m.role == 'user' %}{{ '<s>[INST] ' + m.content + ' [/INST]' }}"
    "{% elif m.role == 'assistant' %}{{ ' ' + m.content + ' </s>' }}"
    "{% else %}{{ '<<SYS>>\\n' + m.content + '\\n<</SYS>>\\n\\n' }}{% endif %}{% endfor %}",
    "deepseek": "{{ '<bos>' }}{% for m in messages %}{% if m.role == 'user' %}{{ '<|User|>' + m.content }}"
    "{% elif m.role == 'assistant' %}{{ '<|Assistant|>' + m.content + '<|endoftext|>' }}{% else %}{{ m.content }}"
    "{% endif %}{% endfor %}" + ask("<|Assistant|>"),
    "alpaca": worded("### Instruction:\\n", "### Response:\\n", "\\n\\n", "</s>\\n\\n"),
    "vicuna": worded("USER: ", "ASSISTANT:", " ", "</s>").replace(
        "ASSISTANT:' + m.content", "ASSISTANT: ' + m.content"
    ),
    "openchat": worded(
        "GPT4 Correct User: ", "GPT4 Correct Assistant:", "<|end_of_turn|>", "<|end_of_turn|>"
    ),
    "smollm with a system of its own": "{% if messages[0].role != 'system' %}"
    "{{ '<|im_start|>system\\nYou are a mill.<|im_end|>\\n' }}{% endif %}"
    + tagged("<|im_start|>", "\\n", "<|im_end|>\\n"),
    "trims contents": tagged("<|im_start|>", "\\n", "<|im_end|>\\n").replace("m.content", "m.content | trim"),
    "marks what is generated": "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}"
    "{% if m.role == 'assistant' %}{% generation %}{{ m.content + '<|im_end|>' }}{% endgeneration %}"
    "{% else %}{{ m.content + '<|im_end|>' }}{% endif %}{{ '\\n' }}{% endfor %}"
    + ask("<|im_start|>assistant\\n"),
    "empty thoughts in the answer": tagged("<|im_start|>", "\\n", "<|im_end|>\\n").replace(
        "m.content", "('<think></think>\\n' if m.role == 'assistant' else '') + m.content"
    ),
    "apertus": tagged("<|", "_start|>", "<|end|>", begin="<s>"),
}
"""At least twenty; every one ends the assistant's turns with a control token."""

CONTROLS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|im_sep|>",
    "<s>",
    "</s>",
    "<bos>",
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<|end|>",
    "<|start_of_role|>",
    "<|end_of_role|>",
    "<|end_of_text|>",
    "<|START_OF_TURN_TOKEN|>",
    "<|END_OF_TURN_TOKEN|>",
    "<BOS_TOKEN>",
    "<|User|>",
    "<|Assistant|>",
    "<|end_of_turn|>",
    "<pad>",
)


def write_tokenizer(folder: Path, template: str, *, padding: str | None = "<pad>") -> None:
    """Write a tokenizer whose ids are bytes, with all control tokens behind them, and a template."""
    import sys

    sys.path.insert(0, str(Path(__file__).parents[2]))
    from chats import byte_characters

    folder.mkdir(parents=True, exist_ok=True)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    options = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": 256 + number, "content": content, **options} for number, content in enumerate(CONTROLS)
        ],
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
    if padding is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": padding}), encoding="utf-8")
