"""Generators are known by their own words, paths by custom; ordinary files pass."""

import pytest

from gristmill.errors import GristmillError
from gristmill.plugins.active import activate
from gristmill.plugins.contract import registered_for, run_once
from gristmill.plugins.testing import run
from gristmill_code.generated import GENERATOR_MARKS, Generated, GeneratorMark, Vendored


@pytest.mark.parametrize("mark", GENERATOR_MARKS, ids=lambda mark: mark.generator)
def test_every_mark_finds_its_example(mark: GeneratorMark) -> None:
    text = f"/* first */\n{mark.example}\nint x;\n"
    values = run(Generated, [text])
    assert (values["generator"], values["is_generated"]) == ([mark.generator], [1])
    assert mark.source


@pytest.mark.parametrize(
    "text",
    [
        "# This parser reads files that were written by hand.\ndef generate(x):\n    return x\n",
        "// The table below is sorted; keep it so.\nvar table = 1\n",
        "# Users may edit this file.\n",
        "The report was generated.",
        "def f():\n    '''Generate an id. Do not call it twice.'''\n",
        "word " * 1000,
        "",
    ],
)
def test_ordinary_files_are_not_generated(text: str) -> None:
    values = run(Generated, [text])
    assert (values["generator"], values["is_generated"]) == ([None], [0])


def test_words_far_down_do_not_count() -> None:
    assert run(Generated, ["x = 1\n" * 1000 + "# DO NOT EDIT\n"])["is_generated"] == [0]


def test_long_lines_of_code_are_minified() -> None:
    text = "!function(e,t){var n=e.a(t);return n?{b:n}:(c(),d)}(x,y);" * 30
    assert run(Generated, [text])["generator"] == ["minified"]
    assert run(Generated, ["a line\n\nof two\n", " \n"])["mean_line_characters"] == [
        pytest.approx(7.5),
        None,
    ]


def vendored(urls: list[str | None], **keys: object) -> list[object]:
    import pyarrow as pa

    active = activate(registered_for(Vendored), keys)
    batch = pa.record_batch(
        {"text": pa.array([""] * len(urls), pa.large_utf8()), "url": pa.array(urls, pa.large_utf8())}
    )
    return run_once(active, batch).columns["is_vendored"].to_pylist()


def test_paths_of_copies() -> None:
    copies = [
        "http://x.example/src/cmd/vendor/golang.org/x/sys/unix/a.go",
        "https://x.example/node_modules/lodash/index.js",
        "third_party/zlib/inflate.c",
        "src\\third-party\\a.c",
        "js/jquery-3.6.0.min.js",
        "js/app.min.js",
        "build-aux/config.guess",
        "usr/lib/python3/site-packages/pip/_vendor/rich/a.py",
    ]
    own = [
        "src/vendors.py",
        "src/externality/a.c",
        "js/jquery_plugin.js",
        "js/admin.js",
        "vendor",
        "missing.py",
        "",
    ]
    assert vendored([*copies, *own, None]) == [1] * len(copies) + [0] * len(own) + [None]


def test_further_patterns() -> None:
    assert vendored(["copied/a.c", "a.c"], also=["^copied/"]) == [1, 0]
    with pytest.raises(GristmillError):
        vendored(["a"], also="x")
