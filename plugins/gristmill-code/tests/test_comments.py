"""Comments are told from strings in every language, by hand-counted examples and against the compiled lexer."""

import pytest
from hypothesis import given, settings, strategies

from gristmill.plugins.testing import run
from gristmill_code.comments import CommentShare, count, native_lexer
from gristmill_code.lexer import Shares, find, measure
from gristmill_code.marks import LANGUAGES
from gristmill_code.syntaxes import SYNTAXES

# What is between « and » is comment; the marks are taken out before the text is read.
MARKED = {
    "c": 'int a; «/* x " */» char *s = "// no"; char c = \'"\'; «// yes»\n#define A "/*"',
    "cpp": "x = 1; «/* a\n * b */» y('\\''); «// z»",
    "csharp": 's = @"c:\\"; «// yes»\nt = "\\" // no";',
    "css": "a { b: 'url(/*)'; } «/* c */»",
    "emacs-lisp": '(a ?" b) «; yes»\n(b "; no\n; no" c) «;; yes»',
    "go": 's := `// no\n` «// yes»\nr := \'"\' «/* a */» t := "\\"//"',
    "haskell": "a = b «{- x {- y -} z -}» c = '\"' «-- yes»\nd --> e",
    "html": "<p>it's «<!-- no ' -->» a</p>",
    "java": 's = """\n// no "\n"""; «// yes»',
    "javascript": "a = `// no\n${b}`; «// yes»\nc = '/*'; «/* d\n*/»",
    "kotlin": "a «/* b /* c */ d */» e",
    "lua": "a = [[ -- no\n]] «-- yes»\n«--[[ b\n c ]]» d",
    "makefile": "a: b «# yes»\n\techo $#",
    "perl": "$#a; my $b = '# no'; «# yes»\n«=head1 NAME\n\ntext's\n\n=cut»\nc();",
    "php": "<?php $a = '// no'; «// yes»\n«# yes»\n#[Attribute('# no')]\n«/** b */»",
    "python": 'a = """# no\n"""\ndef f():\n    «\'\'\'Doc # x.\'\'\'»\n    b = "#" «# yes»',
    "ruby": 'a = "#{b} # no" «# yes»\n«=begin\nc\n=end»\nd',
    "rust": "fn f<'a>(x: &'a str) { r#\"// \" no\"#; '\"'; '\\u{22}' } «/* a /* b */ c */» «// d»",
    "shell": "echo $# ${a#b} '# no' \"# no\" «# yes»",
    "sql": "select '--' «-- yes»\nfrom \"a--b\" «/* c */»",
    "swift": 'let a = "// no" «/* b /* c */ */»',
    "toml": 'a = \'c:\\\' «# yes»\nb = "# no\\" #"',
    "typescript": "let a: string = '//' «// yes»",
    "vala": 'a = """// no""" «// yes»',
    "xml": '<a b="c">«<!-- d -->»</a>',
    "yaml": 'a: b#no «# yes»\nc: "d # no"',
}


def comments(text: str, language: str) -> list[str]:
    return [text[start:end] for start, end, form in find(text, SYNTAXES[language]) if form.is_comment]


def test_every_language_has_an_example() -> None:
    assert set(MARKED) == set(SYNTAXES)
    assert set(SYNTAXES) == set(LANGUAGES) - {"json"}


@pytest.mark.parametrize("language", MARKED)
def test_comments_are_told_from_strings(language: str) -> None:
    marked = MARKED[language]
    expected = [part.split("»")[0] for part in marked.split("«")[1:]]
    assert comments(marked.replace("«", "").replace("»", ""), language) == expected


def test_golden_shares() -> None:
    text = 'x = "ab"  # né\n'
    assert measure(text, SYNTAXES["python"]) == Shares(
        num_characters=9, num_comment_characters=3, num_string_characters=4, num_comments=1
    )
    values = run(CommentShare, [text, " \n"], {"language": "python"})
    assert values["comment_fraction"] == [pytest.approx(3 / 9, rel=1e-6), None]
    assert values["string_fraction"] == [pytest.approx(4 / 9, rel=1e-6), None]
    assert values["num_comments"] == [1, 0]


def test_the_language_is_found_by_content() -> None:
    rust = "use std::io;\n\nfn main() {\n    // yes\n    let mut x = 1;\n}\n"
    values = run(CommentShare, [rust, "Prose about nothing # at all."])
    assert values["num_comments"] == [1, None]


@pytest.mark.parametrize("text", ["/* never", '"never', "'", "/*/", 'r###"never"##', "\\", "'\\", '"\\'])
def test_what_is_never_closed_ends_with_the_text(text: str) -> None:
    for forms in SYNTAXES.values():
        spans = find(text, forms)
        assert all(0 <= start < end <= len(text) for start, end, _ in spans)


NASTY = strategies.lists(
    strategies.sampled_from(
        [
            *{
                part
                for forms in SYNTAXES.values()
                for form in forms
                for part in (form.open, form.close)
                if part
            },
            "\n",
            "\r\n",
            " ",
            "\t",
            "\\",
            "\\'",
            "a",
            "é",
            "日本",
            "😀",
            "#",
            "##",
            '"',
            "'",
            "\u2028",
            "\x0b",
            "\x00",
        ]
    ),
    max_size=60,
).map("".join)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(NASTY, strategies.sampled_from(sorted(SYNTAXES)))
def test_spans_lie_in_order_inside_of_the_text(text: str, language: str) -> None:
    spans = find(text, SYNTAXES[language])
    ends = [0, *(end for _, end, _ in spans)]
    assert all(start >= before for before, (start, _, _) in zip(ends, spans, strict=False))
    shares = measure(text, SYNTAXES[language])
    assert shares.num_comment_characters + shares.num_string_characters <= shares.num_characters


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    strategies.lists(
        strategies.tuples(NASTY, strategies.sampled_from([*sorted(SYNTAXES), "json"])), max_size=12
    )
)
def test_the_compiled_lexer_agrees(rows: list[tuple[str, str]]) -> None:
    native = native_lexer()
    if native is None:
        pytest.skip("gristmill-code-native is not installed")
    import polars as pl

    texts = pl.Series([text for text, _ in rows], dtype=pl.String)
    languages = pl.Series([language for _, language in rows], dtype=pl.String)
    assert count(texts, languages, native).rows() == count(texts, languages, None).rows()


def test_the_compiled_lexer_refuses_what_it_cannot_read() -> None:
    native = native_lexer()
    if native is None:
        pytest.skip("gristmill-code-native is not installed")
    import pyarrow as pa

    texts, languages = pa.array(["a"], pa.large_utf8()), pa.array([0], pa.int32())
    with pytest.raises(TypeError, match="large_utf8"):
        native.measure_comments(languages, languages, [[]])
    with pytest.raises(TypeError, match="__arrow_c_array__"):
        native.measure_comments("a", languages, [[]])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no language"):
        native.measure_comments(texts, languages, [])
    with pytest.raises(ValueError, match="1 texts have 0 languages"):
        native.measure_comments(texts, languages.slice(1), [[]])
