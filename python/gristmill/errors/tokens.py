"""Error pages of tokenisers."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-TOKENS-001": ErrorPage(
        title="the tokenizer cannot be used",
        explanation="`[tokens] tokenizer` names no tokenizer, or one that does not load, or one that has changed "
        "since the plan was made. A file of tiktoken's ranks does not say how it splits text: only those of known "
        "encodings are taken.",
        remedy="name a Hugging Face `tokenizer.json`, a file of tiktoken, Tekken or SentencePiece, or a folder that "
        "holds one",
        exit_code=ExitCode.USAGE,
    ),
    "GM-TOKENS-002": ErrorPage(
        title="it is not clear which token ends a text",
        explanation="`end_of_text = true` looks at `tokenizer_config.json` beside the tokenizer and then for the usual "
        "names. None was found, and a guess would be trained into a model.",
        remedy='name it: `end_of_text = "<token>"`, or leave it out with `end_of_text = false`',
        exit_code=ExitCode.USAGE,
    ),
    "GM-TOKENS-003": ErrorPage(
        title="the named end-of-text token is not in the vocabulary",
        explanation="`end_of_text` names a token that the tokenizer does not have.",
        remedy="`gristmill doctor` shows the tokenizer's control tokens",
        exit_code=ExitCode.USAGE,
    ),
}
