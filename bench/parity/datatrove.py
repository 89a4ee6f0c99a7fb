"""Parity with datatrove itself: agreement on corpus documents, and the cases under `tests/parity/cases`.

python bench/parity/datatrove.py RIVAL/bin/python DATA/corpus
python bench/parity/datatrove.py RIVAL/bin/python DATA/corpus --write-cases tests/parity/cases

RIVAL: `pip install "datatrove==0.10.1" spacy nltk regex "xxhash<4" tldextract orjson zstandard pyarrow`. The agreement
is that of `bench/datatrove/agreement.py`, on a tenth of its documents.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import zstandard

ROOT = Path(__file__).parent.parent.parent
RIVAL_SCRIPT = ROOT / "bench" / "datatrove" / "rival_decisions.py"

# Our keys and the constructor arguments of datatrove's filters, where a case sets one.
ARGUMENTS = {
    "require_terminal_punctuation": "filter_no_terminal_punct",
    "min_words_per_line": "min_words_per_line",
    "max_word_length": "max_word_length",
    "remove_javascript": "filter_javascript",
    "remove_policy": "filter_policy",
    "remove_citations": "remove_citations",
    "min_sentences": "min_num_sentences",
    "drop_lorem_ipsum": "filter_lorem_ipsum",
    "drop_curly_bracket": "filter_curly_bracket",
    "min_words": "min_doc_words",
    "max_words": "max_doc_words",
    "min_stop_words": "min_stop_words",
    "stop_words": "stop_words",
    "max_duplicate_line_fraction": "dup_line_frac",
    "short_line_length": "short_line_length",
    "max_newline_word_ratio": "new_line_ratio",
}

CONFIGS: dict[str, list[dict[str, object]]] = {
    "gopher_repetition": [{}, {"max_duplicate_line_fraction": 0.6}],
    "gopher_quality": [
        {},
        {"min_words": 3, "min_stop_words": 1, "stop_words": ["a", "n't", "is"]},
    ],
    "fineweb_quality": [{}, {"short_line_length": 12, "max_newline_word_ratio": 0.6}],
    "c4_quality": [
        {},
        {"require_terminal_punctuation": False, "min_sentences": 2},
        {
            "require_terminal_punctuation": False,
            "min_words_per_line": 1,
            "max_word_length": 12,
            "min_sentences": 1,
        },
        {
            "remove_citations": False,
            "remove_javascript": False,
            "remove_policy": False,
            "drop_lorem_ipsum": False,
            "drop_curly_bracket": False,
        },
    ],
}

PARAGRAPH = (
    "The mill stands where the two rivers meet, and it has to be older than the bridge. Nobody's sure who built it: "
    "Mr. Alder says the monks did, e.g. for the abbey's bread; his sister doesn't believe that. \"They'd no money,\" "
    'she said, "and with 5km of mud to cross?" It costs $2.50 to see the wheel, or 2€ for children. '
)

MENU = (
    "Menu\n  The first line stays here.[1][2]  \nWe use cookies, as everybody does.\nIt has [citation needed] a gap.\n"
    "Enable JavaScript to see it all.\nToo short.\nNo end mark on this line\nAnd so on, and so forth...\n"
    'Dr. No isn\'t here. He left at 5 p.m. (or so). "Really?!"  Yes.\n[1] [2] [3]\nThe last line stays too!\n'
)

STRINGS = (
    "x.y@example.org http://www.example.com/a?b=c 10.0.0.1/x 8.8.8.8/x foo.Bar foo,bar state-of-the-art 2-3 2*3 and/or "
    "10am 9 p.m. vs. C++ C# \\n _a_ **b** `c` ~d~ $E US$5 C$6 7% 8+ +9 °C. 5°C. x-a. land/or y (a.) [b.]. "
)

TEXTS = [
    "Too short.",
    "Blanks are left when citations go.  [12]\nAnd so on it goes, as it does.\t[1]\n[1] [2] [3]\nOne line is plain.\n",
    PARAGRAPH,
    PARAGRAPH * 3,
    f"{PARAGRAPH}\n{PARAGRAPH}\nAnother line that nobody wrote before.\n{PARAGRAPH}",
    f"{PARAGRAPH}\n\nA paragraph of its own.\n\n{PARAGRAPH}\n\n\n",
    "\nHome\nAbout\nHome\nContact us (or don't):\nHome\n",
    "buy now and save big today " * 12,
    "1 2 3 12 3 1 23 1 2 3 12 3 1 23 4 5 45 6 7 8 - - -- - . . .. ... . 1 2 3 12 3 1 23.",
    "- one\n• two...\n  - three…\nfour #4 #5\n# # # #\n... ... …\n",
    "Use foo(bar): then baz[0] = {x}; don't use qux->quux::corge(a,b) :-) ): (: =)\n" * 3,
    "“Don’t,” she said, “that’s the one you don’t have to be with.” It’s the U.S. of A., isn't it?\r\nYes!\u2028No…",
    MENU,
    "It says lorem ipsum dolor here.\nfunction () { return to_sender; } it says.\nTwo sentences. On one line.\n",
    "One {curly} bracket in a line. And more. And more. And more. And more.\n",
    f"{'a' * 1001} is a long word here.\n{'é' * 1000} is not one word too long.\n" + PARAGRAPH,
    "これは短い文です。これは短い文です。カタカナ語もあります！\n" * 3,
    "Привет, мир! Это 5кг муки и 3км/ч ветра.\nهذا نص قصير؟ ٣كم ؟\nשלום עולם.\n",
    "e\u0301te\u0301 👩\u200d💻 ❤\ufe0f １２３ \ufffd\ufffd a\ufffdb \0 \x1f © ®™ ° Ⓐ\n\n",
    " \n \n\t\n",
    "\n",
    "\n".join(f"Line number {number} ends here. And another sentence, too!" for number in range(40)),
    "\n".join(f"item {number % 5}" for number in range(60)),
    STRINGS,
]


def excerpts() -> list[str]:
    """Return the starts of a few documents of the quickstart's corpus."""
    folder = ROOT / "examples" / "quickstart" / "corpus"
    texts = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".parquet":
            rows = pq.read_table(path, columns=["text"]).column("text").to_pylist()
        else:
            raw = (
                gzip.decompress(path.read_bytes())
                if path.suffix == ".gz"
                else zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes())).read()
            )
            rows = [json.loads(line)["text"] for line in raw.decode().split("\n")[:-1]]
        english = [text for text in rows if " the " in text and len(text) > 1500]
        texts += [text[:1500] for text in english[:3]]
    return texts


def write_cases(python: str, folder: Path) -> None:
    """Ask datatrove for every text and configuration, and write one file a step."""
    texts = [*TEXTS, *excerpts()]
    with tempfile.TemporaryDirectory() as scratch:
        requests = Path(scratch) / "requests.jsonl"
        with requests.open("w", encoding="utf-8") as out:
            for number, text in enumerate(texts):
                rules = [
                    [f"{use}/{variant}", use, rival_config(config)]
                    for use, configs in CONFIGS.items()
                    for variant, config in enumerate(configs)
                ]
                out.write(json.dumps({"id": number, "text": text, "rules": rules}) + "\n")
        command = [python, str(RIVAL_SCRIPT), str(requests)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    answers = [json.loads(line)["rules"] for line in done.stdout.split("\n")[:-1] if line.startswith('{"id"')]
    folder.mkdir(parents=True, exist_ok=True)
    for use, configs in CONFIGS.items():
        cases = [
            {
                "text": text,
                "config": config,
                "semantics": "datatrove",
                "expect": expectation(answer[f"{use}/{variant}"]),
            }
            for text, answer in zip(texts, answers, strict=True)
            for variant, config in enumerate(configs)
            if comparable(use, text)
        ]
        lines = ",\n  ".join(json.dumps(case, ensure_ascii=False) for case in cases)
        how = (
            "bench/parity/datatrove.py: the filter's decision, and its values from datatrove's own functions"
        )
        content = f'{{"tool": "datatrove 0.10.1", "how": {json.dumps(how)}, "cases": [\n  {lines}\n]}}\n'
        (folder / f"{use}.json").write_text(content, encoding="utf-8")
        print(f"{use}: {len(cases)} cases")


def rival_config(config: dict[str, object]) -> dict[str, object]:
    """Return the constructor arguments for our keys."""
    return {ARGUMENTS[key]: value for key, value in config.items()}


def comparable(use: str, text: str) -> bool:
    """Leave out what the rule's page names as different: repeated runs of words that are cut differently."""
    return not (use == "gopher_repetition" and text.startswith("1 2 3 12 3"))


def expectation(answer: dict[str, object]) -> dict[str, object]:
    """Return what the case expects: the decision, and the values by column."""
    values = {name: value for name, value in answer["values"].items() if name != "text"}
    return {"keep": answer["decision"] is True, **values}


def main() -> None:
    """Write the cases, or print the agreement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rival_python")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--write-cases", type=Path, help="folder to write the cases to")
    arguments = parser.parse_args()
    if arguments.write_cases is not None:
        write_cases(arguments.rival_python, arguments.write_cases)
        return
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            sys.executable,
            str(ROOT / "bench" / "datatrove" / "agreement.py"),
            *("--corpus", str(arguments.corpus), "--rival-python", arguments.rival_python),
            *("--cache", f"{scratch}/answers.jsonl", "--output", scratch, "--every", "200"),
        ]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
