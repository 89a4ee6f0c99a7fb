"""Writes the golden cases of the English word tokens with spaCy itself. Run in an environment with datatrove and spaCy.

python bench/parity/english/tokens.py rust/core/src/segment/english/golden.json

Each case has a text, its tokens as datatrove sees them, and the sentences of the stripped text as datatrove counts
them. The texts are own sentences, and strings put together by a seeded generator.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import spacy
from datatrove.utils.text import split_into_sentences, split_into_words

SENTENCES = """
It doesn't matter: they're here, aren't they?
“Don’t,” she said, “that’s the one you don't have to be with.”
The U.S. and the U.K. (not the EU) signed it on Jan. 5th, 2021.
Dr. Smith's dog can't, won't and shouldn't've gone to St. Mary's.
See https://example.org/a/b?c=d#e, www.example.com, or mail me@example.org.
It costs $5.00, €7, 10% or US$20; 5km at 30°C. and 12MB of 3GB+.
Well-known state-of-the-art well--and good---or not—really–fine.
He said ... nothing... At all… Really?! Yes!!
Use foo() or foo(): then bar[0] = {x}; baz->qux::new(a,b).
and/or w/o either/or 1/2 a/b A/B 3:4 a:b x=y x<y x>y
10am 10a.m. at 9 p.m. (or so). "He does!" she said.
:-) :) ;) :( (: ): =) 8) xD <3 </3 >.< ^_^ -_- o_O (._.)
(e.g. this), i.e. that, etc. [vs. those], a.m.; v.s. x.
'Tis 'cause rock 'n' roll; y'all'd've gonna gotta wanna dunno cannot dont
_emphasis_ **bold** `code` #tag @user ~tilde~ $HOME ${x} %d \\n \\") C++ C#
日本語のテキスト。漢字（かな）。 Ünïcödé naïve café’s “Ångström”.
Привет, мир! 5кг и 3км/ч. مرحبا، ٣كم ؟ שלום.
1,000.50 2-3 2--3 2*3 2^3 2+3 -5 +5 5+ 5+- a+b 1.2.3.4 10.0.0.1/x 8.8.8.8/x
foo.Bar foo.bar Foo.Bar foo,bar foo,Bar "a".b 'a'.'b' A.B. A.b. AB. aB. Ab.
(a.) [b.] {c.} a.) b.] (d. x-a. y/b. =c. 1.a.
©2020 ®™ ° 😀😀 text😀text \ufffd\ufffd a\ufffdb ♥️ 👩‍💻
( ) : ( : ) ) ( ( ) : ) ; ) - ) : - ) ) :
""".strip().split("\n")

MARKS_AND_WORDS = """
word Word WORD a I it's don't Mr. co. e.g. 8 10 2.5 5km 7m² 9% 3$ US$ a.m. 's n't and or www.x.org
http:// user@ 10.0.0.1 °C. é 漢字 ß __ . , : ; ! ? ( ) [ ] { } < > ' " ’ ‘ “ ” - -- — – / @ # * & = + ^ ~ | \\ .. ... …
%  $ © 😀 、 。 （
"""
PARTS = [*MARKS_AND_WORDS.split(), "\u0301"]

SPACES = ["", "", "", " ", " ", "  ", "\n", "\t", "\u00a0"]


def main() -> None:
    """Write the file named on the command line."""
    generator = random.Random(20)
    texts = [sentence.replace("\\ufffd", "\ufffd") for sentence in SENTENCES]
    texts += [" ".join(texts), "\n\n".join(texts), "", " ", "\n", "\0", "\u2028"]
    rules = sorted(spacy.blank("en").tokenizer.rules)
    for _ in range(300):
        parts = [generator.choice(PARTS) for _ in range(generator.randint(1, 7))]
        if generator.random() < 0.5:
            parts.insert(generator.randint(0, len(parts)), generator.choice(rules))
        texts.append("".join(part + generator.choice(SPACES) for part in parts))
    cases = [[text, split_into_words(text), len(split_into_sentences(text.strip()))] for text in texts]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    Path(sys.argv[1]).write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
