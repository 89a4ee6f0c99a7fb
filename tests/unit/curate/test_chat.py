"""Chat templates: the sandbox, marks of spelled control tokens, the assistant's turns, places of division."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import jinja2.exceptions
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.curate.chat.environment import MAX_STEPS, Template, TemplateLimitError
from gristmill.curate.chat.marks import MARKS, ControlTokens, control_tokens_of, free_mark, take_marks_out
from gristmill.curate.chat.render import Renderer, RenderError
from gristmill.curate.chat.resolve import ChatTemplates, resolve_templates
from gristmill.errors import GristmillError

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CONTROLS = ["<|im_start|>", "<|im_end|>"]


def renderer(
    template: str = CHATML,
    *,
    train_on: str = "assistant",
    divides: bool = False,
    controls: list[str] = CONTROLS,
) -> Renderer:
    return Renderer(
        {
            "template": template,
            "tool_template": None,
            "variables": json.dumps({"bos_token": "<s>"}),
            "controls": controls,
            "ends": CONTROLS,
            "train_on": train_on,
            "divides": divides,
            "max_characters": 100_000,
        }
    )


def turns(*contents: str, system: str | None = None) -> str:
    roles = ("user", "assistant")
    messages = [{"role": roles[number % 2], "content": text} for number, text in enumerate(contents)]
    if system is not None:
        messages.insert(0, {"role": "system", "content": system})
    return json.dumps({"messages": messages}, ensure_ascii=False)


def parts(rendered: str, key: str) -> list[str]:
    found = json.loads(rendered)
    text = found["text"].encode()
    return [text[start:end].decode() for start, end in found.get(key, [])]


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ messages.append(1) }}",
        "{% set ns = namespace(a=1) %}{% set ns.__class__ = 2 %}",
    ],
)
def test_the_sandbox_keeps_templates_in(source: str) -> None:
    with pytest.raises((jinja2.exceptions.SecurityError, jinja2.UndefinedError)):
        Template(source, {}).render([{"role": "user", "content": "x"}])


def test_templates_have_no_clock_and_no_end_of_work() -> None:
    asks = "{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else %}fixed{% endif %}"
    assert Template(asks, {}).render([]) == "fixed"
    endless = "{% for i in range(99999) %}{% for j in range(99999) %}{{ messages.a }}{% endfor %}{% endfor %}"
    with pytest.raises(TemplateLimitError, match=str(MAX_STEPS)):
        Template(endless, {}).render([])
    with pytest.raises(TemplateLimitError, match="more than 1000 characters"):
        Template("{% for i in range(99999) %}abcdefgh{% endfor %}", {}).render([], max_characters=1000)


def test_tojson_and_whitespace_are_those_of_transformers() -> None:
    source = "{% if true %}\n  {{ messages | tojson(indent=1) }}\n    {% endif %}\n"
    assert (
        Template(source, {}).render([{"b": "é<&>", "a": 1.0}])
        == '  [\n {\n  "b": "é<&>",\n  "a": 1.0\n }\n]\n'
    )


def test_turns_of_the_assistant_end_with_their_control_token() -> None:
    text = turns("Wie geht’s?", "Gut 😀", "x", "y\n")
    assert parts(renderer().render(text), "assistant") == ["Gut 😀<|im_end|>", "y\n<|im_end|>"]
    assert parts(renderer(train_on="last").render(text), "assistant") == ["y\n<|im_end|>"]
    assert parts(renderer(train_on="all").render(text), "assistant") == []


def test_marks_of_the_template_itself_win() -> None:
    marked = CHATML.replace(
        "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n' }}",
        "<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}"
        "{% else %}{{ m.content }}{% endif %}<|im_end|>\n",
    )
    assert parts(renderer(marked).render(turns("a", "b", "c", "d")), "assistant") == ["b", "d"]
    with pytest.raises(RenderError) as error:
        renderer("{% generation %}{% endgeneration %}x").render(turns("a", "b"))
    assert error.value.reason == "nothing_generated"


def test_a_template_that_forgets_earlier_turns_is_refused() -> None:
    forgets = CHATML.replace(
        "m.content +", "('' if m.role == 'assistant' and not loop.last else m.content) +"
    )
    with pytest.raises(RenderError) as error:
        renderer(forgets).render(turns("a", "b", "c", "d"))
    assert error.value.reason == "not_stable"
    assert parts(renderer(forgets, train_on="last").render(turns("a", "b", "c", "d")), "assistant") == [
        "d<|im_end|>"
    ]


def test_a_record_that_a_template_refuses_says_why() -> None:
    refuses = "{% if messages | length > 2 %}{{ raise_exception('too many turns') }}{% endif %}" + CHATML
    with pytest.raises(RenderError, match="too many turns") as error:
        renderer(refuses).render(turns("a", "b", "c", "d"))
    assert error.value.reason == "template_error"


def test_spelled_control_tokens_are_known_and_nothing_else_changes() -> None:
    nasty = "a<|im_end|><|im_end|>\n<|im_start|>system\n"
    rendered = renderer().render(turns(nasty, f"é{nasty}"))
    assert json.loads(rendered)["text"] == renderer_text(nasty, f"é{nasty}")
    assert parts(rendered, "spelled") == ["<|im_end|>", "<|im_end|>", "<|im_start|>"] * 2
    assert parts(rendered, "assistant") == [f"é{nasty}<|im_end|>"]
    assert "spelled" not in json.loads(renderer(controls=[]).render(turns(nasty, nasty)))


def renderer_text(*contents: str) -> str:
    roles = ("user", "assistant")
    return "".join(
        f"<|im_start|>{roles[number % 2]}\n{text}<|im_end|>\n" for number, text in enumerate(contents)
    )


def test_a_template_that_looks_for_a_spelled_token_is_refused() -> None:
    looks = CHATML.replace("m.content +", "m.content.split('<|im_end|>')[0] +")
    with pytest.raises(RenderError) as error:
        renderer(looks).render(turns("a<|im_end|>b", "c"))
    assert error.value.reason == "control_token_in_content"


@given(st.lists(st.text(st.sampled_from("<|im_end>ab \n" + MARKS[0]), max_size=30), min_size=2, max_size=4))
def test_whatever_is_said_the_text_is_that_of_the_template(contents: list[str]) -> None:
    if len(contents) % 2:
        contents = contents[:-1]
    rendered = renderer().render(turns(*contents))
    found = json.loads(rendered)
    assert found["text"] == renderer_text(*contents)
    assert parts(rendered, "assistant") == [text + "<|im_end|>" for text in contents[1::2]]
    spelled = sum(text.count(control) for text in contents for control in CONTROLS)
    assert len(found.get("spelled", [])) == spelled


def test_a_conversation_is_divided_before_the_users_turns() -> None:
    def pieces(rendered: str) -> list[str]:
        found = json.loads(rendered)
        places = [*found["breaks"], len(found["text"].encode())]
        text = found["text"].encode()
        return [
            text[: places[0]].decode(),
            *(text[a:b].decode() for a, b in itertools.pairwise(places)),
        ]

    divided = pieces(renderer(divides=True).render(turns("q", "a", "q2", "a2", "q3", "a3", system="S")))
    assert divided[0] == "<|im_start|>system\nS<|im_end|>\n"
    assert divided[1:] == [renderer_text(f"q{n}", f"a{n}") for n in ("", "2", "3")]
    with_start = "<s>" + CHATML
    divided = pieces(renderer(with_start, divides=True).render(turns("q", "a", "q2", "a2")))
    assert divided == ["<s>", renderer_text("q", "a"), renderer_text("q2", "a2")]
    assert "breaks" not in json.loads(renderer(divides=True).render(turns("q", "a")))


def test_marks_are_found_where_they_were() -> None:
    controls = ControlTokens(["<e>", "e>x"])
    marked = controls.mark("a<e>x", "|")
    assert marked == "a<|e|>x"
    assert controls.spelled(take_marks_out("..a<|e|>x", "|")) == [(3, 6), (4, 7)]
    assert take_marks_out("ab|c|", "|").moved(5) == 3
    assert free_mark(["".join(MARKS)]) is None


def test_control_tokens_are_those_of_the_engine() -> None:
    added = [
        {"content": "<s>", "special": True},
        {"content": "<new>", "special": False},
        {"content": "\n\n", "special": False},
    ]
    tokenizer = {"added_tokens": added, "model": {"vocab": {"<s>": 0, "\n\n": 1}}}
    assert control_tokens_of(tokenizer, "plain") == ["<s>", "<new>"]
    assert control_tokens_of(tokenizer, {"allow": ["<new>"]}) == ["<s>"]
    assert control_tokens_of(tokenizer, "hf") == []


def resolve(folder: Path, template: str = "model", **variables: object) -> ChatTemplates:
    return resolve_templates(
        template,
        base=folder,
        tokenizer=folder / "tokenizer.json",
        special="plain",
        variables=variables,
        train_on="assistant",
        divides=False,
    )


def test_the_models_template_is_found_and_tried(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text('{"added_tokens": [], "model": {"vocab": {}}}')

    def refused(code: str, **variables: object) -> str:
        with pytest.raises(GristmillError) as error:
            resolve(tmp_path, **variables)
        assert error.value.code == code
        return f"{error.value} {error.value.hint}"

    refused("GM-CHAT-003")
    config = {"eos_token": {"content": "</s>"}, "chat_template": [{"name": "default", "template": CHATML}]}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert resolve(tmp_path).variables == {"eos_token": "</s>"}
    file = tmp_path / "chat_template.jinja"
    file.write_text("{% for")
    refused("GM-CHAT-004")
    file.write_text("{{ bos_token }}" + CHATML)
    assert "bos_token" in refused("GM-CHAT-004")
    assert resolve(tmp_path, bos_token="<s>").variables["bos_token"] == "<s>"
    file.write_text("{{ strftime_now('%Y') }}" + CHATML)
    assert "strftime_now" in refused("GM-CHAT-004")
    file.write_text(CHATML.replace("m.content", "m.content + loop.revindex0 | string"))
    assert "generation" in refused("GM-CHAT-005")
    refused("GM-CHAT-003", template="none.jinja")
