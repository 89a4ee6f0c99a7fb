"""What comments and strings look like in each language: a table.

Not here: finding them (`lexer`, and the compiled `gristmill-code-native`, which both are handed this table). Forms
follow the language definitions that `marks.SOURCES` names.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Literal

Ending = Literal["line", "close", "character", "raw"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    r"""One form of comment or string.

    Parameters
    ----------
    is_comment
        Counted as comment, else as string.
    ending
        ``line``: up to the line's end. ``close``: up to `close`. ``character``: one character or one escape and
        `close`, else it is no literal (``'a`` in Rust is a lifetime). ``raw``: any number of ``#``, then ``"``, up
        to ``"`` and as many (Rust).
    open, close
        What it starts and ends with; one that closes with nothing is over where it opens.
    escape
        A backslash takes the next character with it.
    multiline
        False: a line's end ends it, as broken strings must not swallow a file.
    nested
        Forms inside of it have to be closed too.
    word_start
        Only at the start of a line or after white space or one of ``;|&()``.
    line_start
        Only with nothing but white space before it on its line.
    """

    is_comment: bool
    ending: Ending
    open: str
    close: str = ""
    escape: bool = False
    multiline: bool = True
    nested: bool = False
    word_start: bool = False
    line_start: bool = False

    def as_tuple(self) -> tuple[bool, str, str, str, bool, bool, bool, bool, bool]:
        """Return the fields in order, as the compiled lexer takes them."""
        return astuple(self)


def _line(opener: str, *, word_start: bool = False, line_start: bool = False) -> Form:
    return Form(is_comment=True, ending="line", open=opener, word_start=word_start, line_start=line_start)


def _block(
    opener: str, close: str, *, nested: bool = False, line_start: bool = False, escape: bool = False
) -> Form:
    return Form(
        is_comment=True,
        ending="close",
        open=opener,
        close=close,
        nested=nested,
        line_start=line_start,
        escape=escape,
    )


def _string(opener: str, *, close: str = "", escape: bool = True, multiline: bool = False) -> Form:
    return Form(
        is_comment=False,
        ending="close",
        open=opener,
        close=close or opener,
        escape=escape,
        multiline=multiline,
    )


_CHARACTER = Form(is_comment=False, ending="character", open="'", close="'", escape=True)
_RAW = tuple(Form(is_comment=False, ending="raw", open=opener) for opener in ("r", "br", "cr"))
_C_COMMENTS = (_line("//"), _block("/*", "*/"))
_QUOTES = (_string('"'), _string("'"))
_JAVASCRIPT = (*_C_COMMENTS, *_QUOTES, _string("`", multiline=True))
_NESTED_C = (_line("//"), _block("/*", "*/", nested=True))

SYNTAXES: dict[str, tuple[Form, ...]] = {
    "c": (*_C_COMMENTS, *_QUOTES),
    "cpp": (*_C_COMMENTS, *_QUOTES),
    "csharp": (*_C_COMMENTS, _string('@"', close='"', escape=False, multiline=True), *_QUOTES),
    "css": (_block("/*", "*/"), *_QUOTES),
    # `?"` and `?\"` are characters, as are semicolons behind a question mark.
    "emacs-lisp": (
        *(Form(is_comment=False, ending="close", open=opener) for opener in ('?"', '?\\"', "?;", "?\\;")),
        _line(";"),
        _string('"', multiline=True),
    ),
    "go": (*_C_COMMENTS, _string('"'), _CHARACTER, _string("`", escape=False, multiline=True)),
    "haskell": (_line("-- "), _line("--\n"), _block("{-", "-}", nested=True), _string('"'), _CHARACTER),
    "html": (_block("<!--", "-->"),),
    "java": (*_C_COMMENTS, _string('"""', multiline=True), *_QUOTES),
    "javascript": _JAVASCRIPT,
    "kotlin": (*_NESTED_C, _string('"""', escape=False, multiline=True), *_QUOTES),
    "lua": (
        _block("--[[", "]]"),
        _line("--"),
        _string("[[", close="]]", escape=False, multiline=True),
        *_QUOTES,
    ),
    "makefile": (_line("#", word_start=True),),
    "perl": (
        *(
            _block(f"={word}", "\n=cut", line_start=True)
            for word in ("head1", "head2", "pod", "over", "item", "begin", "encoding")
        ),
        _line("#", word_start=True),
        *(_string(quote, multiline=True) for quote in ('"', "'")),
    ),
    # `#[` opens an attribute.
    "php": (
        _line("//"),
        _block("/*", "*/"),
        Form(is_comment=False, ending="close", open="#[", close="]"),
        _line("#"),
        *(_string(quote, multiline=True) for quote in ('"', "'")),
    ),
    # A triple-quoted string that starts a line is documentation: a docstring, or text that does nothing.
    "python": (
        *(_block(quotes, quotes, line_start=True, escape=True) for quotes in ('"""', "'''")),
        *(_string(quotes, multiline=True) for quotes in ('"""', "'''")),
        _line("#"),
        *_QUOTES,
    ),
    "ruby": (_block("=begin", "\n=end", line_start=True), _line("#", word_start=True), *_QUOTES),
    "rust": (*_NESTED_C, *_RAW, _string('"', multiline=True), _CHARACTER),
    "shell": (
        _line("#", word_start=True),
        _string('"', multiline=True),
        _string("'", escape=False, multiline=True),
    ),
    "sql": (
        _line("--"),
        _block("/*", "*/"),
        _string("'", escape=False, multiline=True),
        _string('"', escape=False),
    ),
    "swift": (*_NESTED_C, _string('"""', multiline=True), _string('"')),
    "toml": (
        _line("#"),
        _string('"""', multiline=True),
        _string("'''", escape=False, multiline=True),
        _string('"'),
        _string("'", escape=False),
    ),
    "typescript": _JAVASCRIPT,
    "vala": (*_C_COMMENTS, _string('"""', escape=False, multiline=True), *_QUOTES),
    "xml": (_block("<!--", "-->"),),
    "yaml": (_line("#", word_start=True), _string('"', multiline=True)),
}
"""Longer openers are tried first, then the order here. A language without a row has no comments (JSON)."""
