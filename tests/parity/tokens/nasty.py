"""Texts that tell tokenizers apart, drawn from a seed: white space, marks, contractions, controls, long words."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator, Sequence

FIXED = (
    "",
    " ",
    "\n",
    "  \n  \n\n x\r\n\r\ry \t\n",
    "It's we'LL 'ſ I'M you'Re 'S 'sam ''s can't don’t",
    "a\u00a0b \u00a0c\u2003d\u3000e\u0085f\u2028g\u200bh\ufeffi",
    "1 12 123 1234 12345 1234567 ١٢٣٤ ½ Ⅷ² 1a2b 3.14 1,000",
    "camelCase HTTPServer ABCdef XMLHttpRequest's ÀÉÎ ǅabc ʰabc AʰB aʰ Ⅷ",
    "e\u0301 a\u0300\u0301 \u0301x q\u0323\u0307 \u1100\u1161\u11a8 가 \u0958 \ufb1d \u2126 \u212b",
    "日本語のテキストと漢字、ひらがな。カタカナ 123 中文字符測試 한국어 문장",
    "ไทยภาษา ภาษาไทย हिन्दी भाषा বাংলা தமிழ் العربية עברית Ελληνικά Кириллица",
    "😀😃👨‍👩‍👧‍👦🏳️‍🌈 🇩🇪 👍🏽 e😀f",
    "<|endoftext|> <|im_start|>user\nhi<|im_end|> <s></s><unk> [INST] <think>x</think> <bos><eot>",
    "<｜end▁of▁sentence｜><｜User｜> <|begin_of_text|><|eot_id|> <start_of_turn> <|endofprompt|>",
    "▁▁ ▁a a▁b  ▁ \u2581",
    "http://example.com/a/b?c=d#e x@y.z C:\\path\\file /usr/bin //",
    "{}[]()<>!@#$%^&*-_=+|;:'\",.<>/?`~ \\n \\t !!!\n\n ???/// ...\r\n",
    "\u0001\u0002abc\u007f \u0000x\ufffd\ufffe\U0010ffff \ud7ff\ue000",
    "a" * 300,
    " " * 100 + "x" + "\n" * 100 + "=" * 200,
    "ab" * 400,
    "中" * 200,
)

_POOLS: Sequence[str] = (
    " \t\n\r",
    "\u00a0\u2003\u3000\u0085\u2028\u200b\ufeff",
    "abcdefghijklmnopqrstuvwxyz",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "0123456789",
    "'\u2019\u017f",
    '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~',
    "éèüßñçøåłšžğıİ",
    "\u0300\u0301\u0308\u0323\u0327\u0338\u05b0\u064b\u0897\u3099",
    "的一是不了人我在有他这中大来上国个到说们",
    "あいうえおかきくけこアイウエオ가나다라마바사",
    "абвгдежзиклмнопрстуфхцчшщыэюяЖЭ",
    "कखगघचछजझटठडढणतथदधनपफबभमािीुू्",
    "😀🤖👍🏽🇩🇪\u200d\ufe0f",
    "▁＿٪½Ⅷ²①",
)
_PHRASES = (
    *FIXED[12].split(),
    *FIXED[13].split(),
    "'s",
    "'ll",
    "'RE",
    "  ",
    "\n\n",
    " \n",
    "the",
    " of",
    "://",
    "</",
)


def texts(seed: int, number: int) -> Iterator[str]:
    """Yield the fixed texts, then `number` drawn ones."""
    yield from FIXED
    draw = random.Random(seed)
    for _ in range(number):
        pools = draw.sample(_POOLS, k=draw.randint(1, 4))
        parts = []
        for _ in range(draw.randint(1, 40)):
            kind = draw.random()
            if kind < 0.75:
                pool = draw.choice(pools)
                parts.append("".join(draw.choices(pool, k=draw.randint(1, 8))))
            elif kind < 0.9:
                parts.append(draw.choice(_PHRASES))
            elif kind < 0.98:
                parts.append(" ")
            else:
                parts.append("".join(_any_character(draw) for _ in range(draw.randint(1, 4))))
        text = "".join(parts)
        if draw.random() < 0.02:
            text *= draw.randint(2, 60)
        yield text


def _any_character(draw: random.Random) -> str:
    while True:
        character = chr(draw.randrange(0x110000))
        if unicodedata.category(character) != "Cs":
            return character
