"""Error pages of chat templates and labels."""

from __future__ import annotations

from gristmill.errors import ErrorPage, ExitCode

CODES = {
    "GM-CHAT-001": ErrorPage(
        title="turns and `chat` do not fit together",
        explanation="A source with turns (`messages`, or `prompt` and `response`) needs `chat` in `[tokens]`, which "
        "says how they become text; `chat` needs a source with turns; and turns are read from JSON Lines "
        "and Parquet only.",
        remedy='add `chat = { template = "model", train_on = "assistant" }` to `[tokens]`, or remove it',
    ),
    "GM-CHAT-002": ErrorPage(
        title="a step edits text in a recipe with turns",
        explanation="What a chat template renders are the turns of the record as they were read. A step that repairs "
        "or cuts text would change what rules and dedup see, but not what is trained; so it is refused rather than "
        "half done. Rules that only measure, and dedup of whole documents, work as on any text.",
        remedy="remove the step, or curate other sources in a recipe of their own",
    ),
    "GM-CHAT-003": ErrorPage(
        title="no chat template",
        explanation='`template = "model"` looks for `chat_template.jinja` and `tokenizer_config.json` beside the '
        "tokenizer; any other value is a file. There was none, or it could not be read.",
        remedy='name a file: `chat = { template = "chat.jinja" }`',
    ),
    "GM-CHAT-004": ErrorPage(
        title="the chat template does not work",
        explanation="Before any data is read the template is tried on a conversation of four turns. It is no valid "
        "template, or it raised an error, or it uses a special token that no file beside the tokenizer names. "
        "Templates are given no clock (`strftime_now`), for the same input would give other bytes on another day.",
        remedy='give what it misses: `chat = { variables = { date_string = "26 Jul 2024" } }`',
    ),
    "GM-CHAT-005": ErrorPage(
        title="the assistant's turns cannot be found",
        explanation="Without `{% generation %}` in the template, turns are found by rendering the beginnings of a "
        "conversation; that works if each is the beginning of the whole. Templates that drop or move something when "
        "more turns follow (reasoning of earlier turns, the system's turn) are not like that, and a guess would train "
        "the wrong tokens.",
        remedy="mark what is generated in a copy of the template with `{% generation %}` and `{% endgeneration %}`, or "
        'use `train_on = "last"`',
    ),
    "GM-CHAT-006": ErrorPage(
        title="jinja2 is missing or too old",
        explanation="Chat templates are Jinja programs. They run in jinja2's sandbox; versions before 3.1.6 have known "
        "ways out of it.",
        remedy="pip install 'gristmill[chat]'",
    ),
    "GM-CHAT-007": ErrorPage(
        title="chat needs a `tokenizer.json`",
        explanation="Which tokens of a rendered conversation are trained follows from the place of each token in the "
        "text, and which of its strings are control tokens from the list in a Hugging Face `tokenizer.json`. Files of "
        "tiktoken, Tekken and SentencePiece have neither; they serve texts and labelled texts.",
        remedy="name a model folder that holds a `tokenizer.json`",
    ),
    "GM-LABEL-001": ErrorPage(
        title="too many different labels",
        explanation="A label is a class, and every class gets a number. The field that `label` names has more than "
        "65,536 different values, which no classifier is meant to have.",
        remedy="name the field that holds the class, or list the classes with `order`",
        exit_code=ExitCode.PARTIAL,
    ),
    "GM-LABEL-002": ErrorPage(
        title="the field cannot be the label",
        explanation="A label is a field of the records that holds a string, a whole number or a boolean. The text, the "
        "id, gristmill's own columns and those of steps cannot be one.",
        remedy='name another field: `label = { field = "intent" }`',
    ),
}
