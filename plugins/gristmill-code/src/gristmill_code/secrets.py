"""`code.secrets` and `code.mask_secrets`: keys, tokens and passwords in source code.

Published formats are in `secret_patterns`. A quoted value behind a name such as ``api_key`` is a secret if it looks
random: by the entropy of its characters. Not here: personal data (gristmill's own step `pii`).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from gristmill.plugins.api import Field, Signal, Transform, frozen_config
from gristmill_code.secret_patterns import ASSIGNMENT, KINDS, SECRET_PATTERNS, VALUE, pattern_of

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

HIGH_ENTROPY = "high_entropy"
"""The kind of a random value behind a telling name."""
MIN_ENTROPY_BITS = 3.5
"""Bits a character: 20 random characters of base 64 have some 4.0, 32 of hexadecimal some 3.6; words have less."""
_SAMPLE_WORDS = re.compile(
    r"(?i)example|sample|dummy|placeholder|change_?me|your[_-]|xxxx|\*{4}|redacted|password|secret|test"
    r"|foo|bar|<|\.\.\."
)
"""A value that says that it is none."""
_SEPARATORS = re.compile(r"[_.\-/ ]")
_CHARACTER_CLASSES = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))


def entropy_bits(value: str) -> float:
    """Return Shannon's entropy of a value's characters, in bits a character; 0 for no character.

    Examples
    --------
    >>> entropy_bits("aabb"), entropy_bits("")
    (1.0, 0.0)
    """
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in sorted(Counter(value).values())) if size else 0.0


def looks_random(value: str) -> bool:
    """Say whether a quoted value is a secret rather than a word, a path or a sample.

    It needs digits and letters, `MIN_ENTROPY_BITS`, no word that marks samples, and one part of 12 characters at
    least between separators.

    Examples
    --------
    >>> looks_random("hT5x9Qz2Lm8Rk4Vb7Nw1"), looks_random("django.contrib.auth.Token1")
    (True, False)
    """
    if _SAMPLE_WORDS.search(value) or entropy_bits(value) < MIN_ENTROPY_BITS:
        return False
    longest = max(_SEPARATORS.split(value), key=len)
    classes = sum(pattern.search(longest) is not None for pattern in _CHARACTER_CLASSES)
    return len(longest) >= 12 and classes >= 2 and _CHARACTER_CLASSES[2].search(value) is not None


_ASSIGNED = re.compile(rf"(?P<name>{ASSIGNMENT})(?P<value>{VALUE})(?P<end>[\"'`])")
_REFERENCE = re.compile("|".join(f"(?P<{row.kind}>{row.pattern})" for row in SECRET_PATTERNS), re.ASCII)


def find_secrets(
    text: str, *, kinds: tuple[str, ...] = KINDS, high_entropy: bool = True
) -> list[tuple[int, int, str]]:
    """Return start, end (in characters) and kind of every secret of a text, in order, none overlapping.

    Where a random value is also of a published format, the format counts.

    Examples
    --------
    >>> find_secrets("token = 'hT5x9Qz2Lm8Rk4Vb7Nw1'")
    [(9, 29, 'high_entropy')]
    """
    found = [
        (match.start(), match.end(), match.lastgroup or "")
        for match in _REFERENCE.finditer(text)
        if match.lastgroup in kinds
    ]
    if high_entropy:
        taken = [(start, end) for start, end, _ in found]
        for match in _ASSIGNED.finditer(text):
            start, end = match.span("value")
            is_free = all(end <= other_start or start >= other_end for other_start, other_end in taken)
            if is_free and looks_random(match["value"]):
                found.append((start, end, HIGH_ENTROPY))
    return sorted(found)


def mask_text(text: str, secrets: list[tuple[int, int, str]], mask: str) -> str:
    """Return the text with each secret replaced; ``{kind}`` in the mask stands for its kind."""
    parts, position = [], 0
    for start, end, kind in secrets:
        parts += [text[position:start], mask.replace("{kind}", kind)]
        position = end
    return "".join([*parts, text[position:]])


@frozen_config
class SecretsConfig:
    """Recipe keys of `code.secrets`."""

    kinds: tuple[str, ...] = Field(default=KINDS, doc="published formats that count")
    high_entropy: bool = Field(default=True, doc="whether random values behind telling names count")

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise ValueError(f"`{kind}` is none of the kinds known: {', '.join(KINDS)}")
        if not self.kinds and not self.high_entropy:
            raise ValueError("`kinds` is empty and `high_entropy` is false: nothing is looked for")


@frozen_config
class MaskSecretsConfig(SecretsConfig):
    """Recipe keys of `code.mask_secrets`."""

    mask: str = Field(default="<{kind}>", doc="what stands in a secret's place; `{kind}` is its kind")


def _candidates(batch: pa.RecordBatch, config: SecretsConfig) -> tuple[pl.Series, list[int]]:
    """Return the texts, and the rows that may hold a secret: found in native code, and few."""
    import polars as pl

    texts = pl.Series("text", pl.from_arrow(batch.column("text")))
    parts = [pattern_of(config.kinds)] if config.kinds else []
    if config.high_entropy:
        parts.append(f"(?:{ASSIGNMENT}{VALUE}[\"'`])")
    return texts, texts.str.contains("|".join(parts)).arg_true().to_list()


class Secrets(Signal):
    """Secrets in a document: how many, and of which kinds.

    ``num_secrets``: uint32. ``kinds``: their kinds, sorted, each once, joined by a comma; null if there are none. A
    document may hold samples of a documentation: no one has asked the issuer whether a key is live.
    """

    name, version = "secrets", 1
    inputs = ("text",)
    outputs: ClassVar = {"num_secrets": "uint32", "kinds": "utf8?"}
    Config = SecretsConfig
    config: SecretsConfig

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Return both columns; Python looks only at documents in which a pattern was found."""
        import polars as pl

        texts, rows = _candidates(batch, self.config)
        numbers: list[int] = [0] * len(texts)
        kinds: list[str | None] = [None] * len(texts)
        for row in rows:
            found = find_secrets(texts[row], kinds=self.config.kinds, high_entropy=self.config.high_entropy)
            numbers[row] = len(found)
            kinds[row] = ",".join(sorted({kind for _, _, kind in found})) or None
        return {
            "num_secrets": pl.Series(numbers, dtype=pl.UInt32),
            "kinds": pl.Series(kinds, dtype=pl.String),
        }


class MaskSecrets(Transform):
    """Puts a mark such as ``<aws_access_key>`` in the place of every secret that `code.secrets` finds."""

    name, version = "mask_secrets", 1
    inputs = ("text",)
    Config = MaskSecretsConfig
    config: MaskSecretsConfig

    def apply(self, batch: pa.RecordBatch) -> pl.Series:
        """Return the texts; Python looks only at documents in which a pattern was found."""
        import polars as pl

        config = self.config
        texts, rows = _candidates(batch, config)
        if not rows:
            return texts
        edited = [
            mask_text(
                text, find_secrets(text, kinds=config.kinds, high_entropy=config.high_entropy), config.mask
            )
            for text in texts.gather(rows)
        ]
        return texts.scatter(rows, pl.Series(edited, dtype=pl.String))
