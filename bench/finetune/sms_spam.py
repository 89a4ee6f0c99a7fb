"""SMS spam: 1,000 messages, LoRA on SmolLM2-135M with three seeds, against the same model with 0, 4 and 16 examples.

    python bench/finetune/sms_spam.py --work FOLDER

The tuned models answer `spam` or `ham` to the bare message. The base model is told what to do: three formats, two
draws of examples; what is tried on the sealed test is, for each number of examples, the format and draw that did best
on the validation split. The split is gristmill's own: grouped by similarity, proven.
"""

from __future__ import annotations

from pathlib import Path

from common import CHAT_TEMPLATE, Format, base_model, chat_format, drawn, options, write_rows
from labels import LabelTask, run

NUM_ROWS = {"ham": 600, "spam": 400}
RECIPE = """
[run]
output = "run"
seed = 11

[[source]]
name = "sms"
paths = ["rows.jsonl"]
id = "id"
prompt = "prompt"
response = "response"
columns = {{ label = "utf8" }}

[[step]]
use = "minhash_dedup"
shingle_words = 3

[split]
validation = 0.12
test = 0.3
stratify = "label"
shingle_words = 3

[tokens]
tokenizer = "{model}"
max_tokens = 256
chat = {{ template = "{template}", train_on = "assistant", too_long = "truncate" }}

[train]
model = "{model}"
task = "instruct"
method = "lora"
sequence_length = 512
batch_tokens = 1024
micro_batch_tokens = 512
epochs = 2
learning_rate = 1e-3
warmup_fraction = 0.1
weight_decay = 0.0
precision = "bf16"
seed = {seed}
checkpoint_every_steps = 8
threads = 2

[train.lora]
rank = 8
alpha = 16
"""
INSTRUCTION = (
    "Is the following text message spam (advertising, fraud) or ham (a normal message)? Answer spam or ham."
)
FORMATS = (
    chat_format("chat", INSTRUCTION),
    Format(
        name="labelled",
        header="Text messages and whether they are spam or ham.",
        shown="\n\nMessage: {text}\nLabel: {label}",
        asked="\n\nMessage: {text}\nLabel:",
        answer=" {label}",
    ),
    Format(
        name="question",
        header="Questions about text messages, with answers.",
        shown='\n\n"{text}"\nQuestion: Is this text message spam or ham?\nAnswer: {label}',
        asked='\n\n"{text}"\nQuestion: Is this text message spam or ham?\nAnswer:',
        answer=" {label}",
    ),
)


def rows_of(data: Path) -> list[dict[str, str]]:
    """Return the drawn messages: 600 normal ones, 400 of spam."""
    found = []
    lines = (data / "labelled/sms_spam/SMSSpamCollection").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        label, _, text = line.rstrip("\t").partition("\t")
        if len(text) > 1 and text[0] == text[-1] == '"':
            text = text[1:-1].replace('""', '"')
        if text.strip():
            found.append({"id": f"sms-{number}", "prompt": text.strip(), "response": label, "label": label})
    by_label = [[row for row in found if row["label"] == label] for label in NUM_ROWS]
    return [
        row
        for rows, num in zip(by_label, NUM_ROWS.values(), strict=True)
        for row in drawn(rows, num, salt="sms")
    ]


def main() -> None:
    """Do what is not done yet."""
    told = options(__doc__ or "")
    work: Path = told.work / "sms_spam"
    rows = rows_of(told.data)
    if not (work / "rows.jsonl").is_file():
        write_rows(work / "rows.jsonl", rows)
    model = base_model(told.work)
    recipes = {}
    for seed in told.seeds:
        recipes[seed] = work / f"seed-{seed}.toml"
        recipes[seed].write_text(RECIPE.format(model=model, template=CHAT_TEMPLATE, seed=seed).lstrip())
    run(
        LabelTask(
            name="sms_spam",
            work=work,
            model=model,
            rows={row["id"]: row for row in rows},
            labels=tuple(NUM_ROWS),
            recipes=recipes,
            formats=FORMATS,
            num_examples=(0, 4, 16),
            num_draws=2,
            num_development=40,
        ),
        only=told.only,
    )


if __name__ == "__main__":
    main()
