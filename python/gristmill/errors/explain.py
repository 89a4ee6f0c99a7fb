"""Error pages of `gristmill explain`: names that mean several things, and pages of rules that cannot be used."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-EXPLAIN-001": ErrorPage(
        title="several documents have keys that begin so",
        explanation="The beginning of a key may stand for it as long as only one document of the run has such a key.",
        remedy="give more digits of the key; the message lists keys that begin so",
    ),
    "GM-EXPLAIN-002": ErrorPage(
        title="the page of a rule is damaged",
        explanation="Pages of built-in rules are part of gristmill. One of them is not TOML, or lacks a part, or has "
        "one that no page has; the message says which.",
        remedy="`pip install --force-reinstall gristmill`; in a checkout, mend the file that the message names",
        exit_code=ExitCode.BUG,
    ),
}
