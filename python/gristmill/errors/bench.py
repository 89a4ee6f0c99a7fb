"""Error pages of `gristmill bench`."""

from __future__ import annotations

from gristmill.errors import ErrorPage

CODES = {
    "GM-BENCH-001": ErrorPage(
        title="there is no document to measure with",
        explanation="The files after `--input`, or the sources of the recipe, hold no readable text.",
        remedy="name files with texts, or leave `--input` out: documents are made up then",
    ),
    "GM-BENCH-002": ErrorPage(
        title="the file holds no earlier result",
        explanation="The file after `--compare` is not there, is not JSON, or was not written by `--keep` of a version "
        "with the same layout.",
        remedy="`gristmill bench --keep FILE` writes one",
    ),
    "GM-BENCH-003": ErrorPage(
        title="the tokenizer cannot be measured with this rival",
        explanation="`tiktoken` has byte-level BPE whose words are cut by one pattern, and nothing else. The tokenizer "
        "is of another kind, so there is nothing to compare.",
        remedy="give a byte-level BPE with `--tokenizer`, such as that of GPT-2 or Llama 3",
    ),
    "GM-BENCH-004": ErrorPage(
        title="an option of the benchmark makes no sense",
        explanation="A stage that does not exist was asked for, or no time, no bytes or no round at all.",
        remedy="see `gristmill bench --help`",
    ),
}
