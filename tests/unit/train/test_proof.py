"""Masks and templates are proven before the first step: what is right passes, every mutant is caught by its name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from chat_templates import CONTROLS, TEMPLATES, write_tokenizer
from shard_fixture import made_documents, write_run
from tiny import config

import gristmill
from gristmill.cli.main import main
from gristmill.errors import GristmillError
from gristmill.shards import open_shards
from gristmill.train.progress import Progress
from gristmill.train.proof import Proof, prove_run, require_proof_of_labels
from gristmill.train.proof.closing import settled_ledger
from gristmill.train.run import train

CHATML, STOP = TEMPLATES["chatml"], 256 + CONTROLS.index("<|im_end|>")
START = 256 + CONTROLS.index("<|im_start|>")


def conversations() -> list[dict[str, object]]:
    rows = []
    for number in range(12):
        messages = [{"role": "system", "content": f"Answer as miller {number}."}] if number % 3 == 0 else []
        for turn in range(1 + number % 2):
            messages.append({"role": "user", "content": f"Question {turn} of {number}: was mahlt die Mühle?"})
            messages.append(
                {"role": "assistant", "content": f"Answer {turn} of {number}: grain, 小麦 and rye."}
            )
        rows.append({"id": f"c{number}", "messages": messages})
    return rows


def curated(folder: Path, template: str, *, chat: str = "chat = {}", padding: str | None = "<pad>") -> Path:
    """Curate the conversations with a template and return the run folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder / "model", template, padding=padding)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in conversations())
    (folder / "a.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "recipe.toml").write_text(
        '[run]\noutput = "run"\n[[source]]\nname = "data"\nid = "id"\npaths = ["a.jsonl"]\nmessages = "messages"\n'
        f'[tokens]\ntokenizer = "model"\n{chat}\n'
    )
    gristmill.curate(folder / "recipe.toml", workers=1)
    return folder / "run"


@pytest.fixture(scope="module")
def chatml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return curated(tmp_path_factory.mktemp("chatml"), CHATML)


@pytest.mark.parametrize("name", TEMPLATES)
def test_twenty_templates_pass(name: str, tmp_path: Path) -> None:
    [proof] = prove_run(curated(tmp_path, TEMPLATES[name]))
    assert [(problem.name, problem.detail) for problem in proof.problems] == []
    assert proof.documents == 12
    assert proof.answers == 18
    assert not proof.cautions


# Mutants of shards: each takes the ids of a row and its trained places, and returns both changed.
Row = tuple[list[int], list[bool]]


def spans(trained: list[bool]) -> list[tuple[int, int]]:
    edges = [
        place
        for place in range(1, len(trained) + 1)
        if place == len(trained) or trained[place] != trained[place - 1]
    ]
    starts = [0, *edges[:-1]]
    return [(start, stop) for start, stop in zip(starts, edges, strict=True) if trained[start]]


def with_span(change: Callable[[int, int], tuple[int, int]]) -> Callable[[list[int], list[bool]], Row]:
    def mutate(ids: list[int], trained: list[bool]) -> Row:
        new = [False] * len(ids)
        for start, stop in spans(trained):
            first, last = change(start, stop)
            new[max(0, first) : min(len(ids), last)] = [True] * (min(len(ids), last) - max(0, first))
        return ids, new

    return mutate


def role_trained(role: str) -> Callable[[list[int], list[bool]], Row]:
    def mutate(ids: list[int], trained: list[bool]) -> Row:
        new, head = list(trained), [START, *f"{role}\n".encode()]
        for place in range(len(ids)):
            if ids[place : place + len(head)] == head:
                stop = ids.index(STOP, place) + 1
                new[place + len(head) : stop] = [True] * (stop - place - len(head))
        return ids, new

    return mutate


def only(which: slice) -> Callable[[list[int], list[bool]], Row]:
    def mutate(ids: list[int], trained: list[bool]) -> Row:
        kept = spans(trained)[which]
        return ids, [any(start <= place < stop for start, stop in kept) for place in range(len(ids))]

    return mutate


def insert(at_stop: bool, extra: list[int]) -> Callable[[list[int], list[bool]], Row]:
    def mutate(ids: list[int], trained: list[bool]) -> Row:
        if not at_stop:
            return [*extra, *ids], [*[False] * len(extra), *trained]
        new_ids, new_trained, last = [], [], 0
        for _, stop in spans(trained):
            new_ids += [*ids[last:stop], *extra]
            new_trained += [*trained[last:stop], *[True] * len(extra)]
            last = stop
        return [*new_ids, *ids[last:]], [*new_trained, *trained[last:]]

    return mutate


def without_stop(ids: list[int], trained: list[bool]) -> Row:
    kept = [place for place in range(len(ids)) if not (trained[place] and ids[place] == STOP)]
    return [ids[place] for place in kept], [trained[place] for place in kept]


def other_words(ids: list[int], trained: list[bool]) -> Row:
    return [101 if is_in and one < 128 else one for one, is_in in zip(ids, trained, strict=True)], trained


def other_role(ids: list[int], trained: list[bool]) -> Row:
    text = b"assistant"
    new = list(ids)
    for place in range(len(ids) - len(text)):
        if bytes(one if one < 256 else 0 for one in ids[place : place + len(text)]) == text:
            new[place : place + len(text)] = list(b"assistent")
    return new, trained


MUTANTS: dict[str, tuple[Callable[[list[int], list[bool]], Row], str]] = {
    "the stop token is not in the mask": (with_span(lambda a, b: (a, b - 1)), "stop_untrained"),
    "the mask is one to the left": (with_span(lambda a, b: (a - 1, b - 1)), "stop_untrained"),
    "the mask is one to the right": (with_span(lambda a, b: (a + 1, b + 1)), "stop_untrained"),
    "white space behind the stop is trained": (with_span(lambda a, b: (a, b + 1)), "stop_untrained"),
    "the mask begins one early": (with_span(lambda a, b: (a - 1, b)), "starts_early"),
    "the mask begins one late": (with_span(lambda a, b: (a + 1, b)), "text_cut"),
    "the role's name is trained": (with_span(lambda a, b: (a - 10, b)), "header_trained"),
    "the header is trained": (with_span(lambda a, b: (a - 11, b)), "header_trained"),
    "half of the answer is trained": (with_span(lambda a, b: ((a + b) // 2, b)), "text_cut"),
    "the stop alone is trained": (with_span(lambda _, b: (b - 1, b)), "text_cut"),
    "the system's turn is trained": (role_trained("system"), "role_trained"),
    "the user's turn is trained": (role_trained("user"), "role_trained"),
    "only the last turn is trained": (only(slice(-1, None)), "text_differs"),
    "only the first turn is trained": (only(slice(0, 1)), "turn_untrained"),
    "nothing is trained": (only(slice(0, 0)), "no_labels"),
    "everything is trained": (lambda ids, _: (ids, [True] * len(ids)), "stop_untrained"),
    "the mask is inverted": (lambda ids, trained: (ids, [not one for one in trained]), "stop_untrained"),
    "padding is the stop token, and masked": (
        lambda ids, trained: (ids, [is_in and one != STOP for one, is_in in zip(ids, trained, strict=True)]),
        "stop_untrained",
    ),
    "the stop token is not there": (without_stop, "stop_untrained"),
    "the beginning is doubled": (insert(at_stop=False, extra=[START]), "doubled_begin"),
    "the stop is doubled": (insert(at_stop=True, extra=[STOP]), "doubled_end"),
    "the answers are other words": (other_words, "text_differs"),
    "the header is another": (other_role, "not_after_header"),
    "an id is beyond the vocabulary": (
        lambda ids, trained: ([*ids[:-1], 60_000], trained),
        "id_out_of_range",
    ),
    "a row has lost its end": (lambda ids, trained: (ids[:-3], trained[:-3]), "stop_untrained"),
}


def runs_of(trained: list[bool]) -> list[int]:
    runs, is_in = [0], False
    for one in trained:
        if one != is_in:
            runs.append(0)
            is_in = one
        runs[-1] += 1
    return runs


def rewritten(
    run: Path, target: Path, mutate: Callable[[list[int], list[bool]], Row], *, states_counts: bool = True
) -> Path:
    """Copy a run with every row of its training shards changed, and a manifest that agrees with it."""
    import shutil

    shutil.copytree(run, target, ignore=shutil.ignore_patterns("work"))
    path = target / "tokens/train/shard-00000.arrow"
    with pa.ipc.open_file(path.read_bytes()) as reader:
        table = reader.read_all()
    ids, masks = [], []
    for row in table.select(["tokens", "mask"]).to_pylist():
        trained = [bool(number % 2) for number, length in enumerate(row["mask"]) for _ in range(length)]
        changed_ids, changed = mutate(row["tokens"], trained)
        ids.append(changed_ids)
        masks.append(runs_of(changed))
    for name, values in (("tokens", ids), ("mask", masks)):
        number = table.schema.get_field_index(name)
        table = table.set_column(
            number, table.schema.field(name), pa.array(values, table.schema.field(name).type)
        )
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    manifest = json.loads((target / "manifest.json").read_text())
    content = path.read_bytes()
    [entry] = [file for file in manifest["files"] if file["path"].endswith("train/shard-00000.arrow")]
    entry |= {"bytes": len(content), "digest": f"sha256:{hashlib.sha256(content).hexdigest()}"}
    if states_counts:
        manifest["counts"]["tokens"]["train"]["tokens"] = sum(map(len, ids))
        manifest["supervised"]["splits"]["train"]["trained_tokens"] = sum(sum(mask[1::2]) for mask in masks)
    (target / "manifest.json").write_text(json.dumps(manifest))
    return target


def names(proof: Proof) -> set[str]:
    return {problem.name for problem in proof.problems}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_every_mutant_is_caught_by_its_name(mutant: str, chatml: Path, tmp_path: Path) -> None:
    mutate, name = MUTANTS[mutant]
    [proof] = prove_run(rewritten(chatml, tmp_path / "run", mutate))
    assert name in names(proof)
    with pytest.raises(GristmillError) as raised:
        require_proof_of_labels(proof)
    assert raised.value.code == "GM-TRAIN-054"
    assert raised.value.hint
    assert any(line.startswith(f"{name}: ") for line in raised.value.context)


def test_a_copy_that_changes_nothing_passes(chatml: Path, tmp_path: Path) -> None:
    [proof] = prove_run(rewritten(chatml, tmp_path / "run", lambda ids, trained: (ids, trained)))
    assert not proof.problems


def test_counts_are_those_of_the_manifest(chatml: Path, tmp_path: Path) -> None:
    changed = rewritten(
        chatml, tmp_path / "run", lambda ids, trained: ([*ids, 10], [*trained, False]), states_counts=False
    )
    [proof] = prove_run(changed)
    assert names(proof) == {"counts"}


BAD_TEMPLATES = {
    "the marks leave the stop out": (
        TEMPLATES["marks what is generated"].replace(
            "{{ m.content + '<|im_end|>' }}{% endgeneration %}",
            "{{ m.content }}{% endgeneration %}{{ '<|im_end|>' }}",
        ),
        "stop_untrained",
    ),
    "the marks span the header": (
        (
            "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ '<|im_start|>assistant\\n' + m.content"
            " + '<|im_end|>' }}{% endgeneration %}{% else %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>' }}"
            "{% endif %}{% endfor %}"
        ),
        "header_trained",
    ),
    "no control token ends a turn": (
        (
            "{% for m in messages %}{{ '\\n### ' + m.role + ': ' + m.content }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '\\n### assistant: ' }}{% endif %}"
        ),
        "no_stop_token",
    ),
    "the beginning is written twice": (CHATML.replace("{% for", "{{ '<s><s>' }}{% for", 1), "doubled_begin"),
    "the stop is written twice": (CHATML.replace("<|im_end|>\\n", "<|im_end|><|im_end|>\\n"), "doubled_end"),
    "contents are changed": (CHATML.replace("m.content", "m.content | upper"), "text_differs"),
}


@pytest.mark.parametrize("name", BAD_TEMPLATES)
def test_templates_that_teach_the_wrong_thing(name: str, tmp_path: Path) -> None:
    template, problem = BAD_TEMPLATES[name]
    [proof] = prove_run(curated(tmp_path, template))
    assert problem in names(proof)


def test_a_template_that_changes_earlier_turns_is_refused_by_curation(tmp_path: Path) -> None:
    unstable = CHATML.replace("m.content", "(m.content if loop.last else m.content[:3])")
    with pytest.raises(GristmillError) as raised:
        curated(tmp_path, unstable)
    assert raised.value.code == "GM-CHAT-005"


def test_padding_that_is_trained_is_said_and_stops_nothing(tmp_path: Path) -> None:
    [proof] = prove_run(curated(tmp_path, CHATML, padding="<|im_end|>"))
    assert not proof.problems
    assert proof.cautions == ("pad_is_trained",)


@pytest.mark.parametrize("chat", ['chat = { train_on = "last" }', 'chat = { train_on = "all" }'])
def test_other_turns_may_be_meant(chat: str, tmp_path: Path) -> None:
    [proof] = prove_run(curated(tmp_path, CHATML, chat=chat))
    assert not proof.problems
    assert proof.answers == (12 if "last" in chat else 0)


@pytest.mark.parametrize("too_long", ["split", "truncate"])
def test_long_conversations_may_lack_their_end(too_long: str, tmp_path: Path) -> None:
    chat = f'max_tokens = 120\nchat = {{ too_long = "{too_long}" }}'
    [proof] = prove_run(curated(tmp_path, CHATML, chat=chat))
    assert not proof.problems
    assert too_long == "split" or proof.counts.cut_answers > 0


def test_texts_are_compared_with_their_tokens(tmp_path: Path) -> None:
    write_tokenizer(tmp_path / "model", CHATML)
    (tmp_path / "a.jsonl").write_text("".join(f'{{"text": "Müller {n} mahlt."}}\n' for n in range(20)))
    (tmp_path / "recipe.toml").write_text(
        '[run]\noutput = "run"\n[[source]]\nname = "data"\npaths = ["a.jsonl"]\n[tokens]\ntokenizer = "model"\n'
        'end_of_text = "<|endoftext|>"\n'
    )
    gristmill.curate(tmp_path / "recipe.toml", workers=1)
    [proof] = prove_run(tmp_path / "run")
    assert not proof.problems
    assert proof.documents == 20


def test_no_step_is_done_on_such_shards(chatml: Path, tmp_path: Path) -> None:
    mutate, _ = MUTANTS["the stop token is not in the mask"]
    run = rewritten(chatml, tmp_path / "run", mutate)
    with pytest.raises(GristmillError) as raised:
        train(config(), run, on_event=lambda _: None)
    assert raised.value.code == "GM-TRAIN-054"
    assert json.loads((run / "train/proof.json").read_text())["train"]["problems"] == {"stop_untrained": 18}
    assert not (run / "train/batches").exists()


def test_check_proves_shards_that_are_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    curated(tmp_path, TEMPLATES["marks what is generated"])
    recipe = tmp_path / "recipe.toml"
    vocabulary = 256 + len(CONTROLS)
    recipe.write_text(
        recipe.read_text()
        + '[train]\nmethod = "full"\nepochs = 1\nmodel = { config = { model_type = "llama", '
        + f"vocab_size = {vocabulary}, hidden_size = 8, intermediate_size = 8, num_hidden_layers = 1, "
        + "num_attention_heads = 1 } }\n"
    )
    assert main(["check", str(recipe)]) == 0
    assert "labels of `train` proven: 12 rows, 18 answers" in capsys.readouterr().out


def test_a_ledger_that_lost_tokens_gives_no_result(tmp_path: Path) -> None:
    shards = open_shards(write_run(tmp_path, made_documents(3)))
    tokens, settings = shards.num_tokens, config(epochs=1)
    whole = {"documents": 3, "empty": 0, "split": 0, "pieces": 3, "rows": 3, "read": tokens, "repeated": 0}
    whole |= {"pending": 0, "placed": tokens, "padded": 3 * 64 - tokens, "first": 3, "masked": 0}
    whole |= {"trained": tokens - 3}
    seen = Progress(trained_tokens=tokens - 3, placed_tokens=tokens)
    found = settled_ledger(whole, settings, shards, tmp_path, seen, is_complete=True)
    assert (found["held"], found["held_documents"], found["truncated"]) == (tokens, 3, 0)
    short = whole | {
        "read": tokens - 5,
        "placed": tokens - 5,
        "padded": 3 * 64 - tokens + 5,
        "trained": tokens - 8,
    }
    lost = Progress(trained_tokens=tokens - 8, placed_tokens=tokens - 5)
    for counts, progress in ((whole, Progress()), (short, lost)):
        with pytest.raises(GristmillError) as raised:
            settled_ledger(counts, settings, shards, tmp_path, progress, is_complete=True)
        assert raised.value.code == "GM-TRAIN-055"
