r"""Compares `madlad_quality` with datamap-rs's annotator, and its substrings with the dataset card's expressions.

python bench/parity/madlad.py --checkout DATAMAP --crate SCRATCH/probe --language-model lid.176.ftz --corpus DATA/corpus

The checkout is one of allenai/datamap-rs (commit f771794 was used; `tiktoken`, which it does not use and which was
withdrawn, taken out of its Cargo.toml). A crate that calls it is written to `--crate` and built there, which takes
minutes. The annotator loads a fastText model whatever its rules are; the rule that needs it is left out.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import side_by_side

STEP = "madlad_quality"
TOOL = "allenai/datamap-rs, commit f771794; Python's re on the expressions of the dataset card"
HOW = (
    "Madlad400SentenceAnnotator, rules 2, 3 and 4, without a least number of sentences; cursed: re.search in its "
    "sentences. Lengths are in bytes there, so texts are ASCII where the case has them."
)
RULES = {"list_case": 2, "abnormal_length": 3, "technical": 4}
SENTENCE_END = re.compile("[.!?]+[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
"""datamap-rs's expression, with white space as Rust has it."""

MANIFEST = """[package]
name = "probe"
version = "0.1.0"
edition = "2021"
[workspace]
[dependencies]
datamap-rs = {{ path = "{checkout}" }}
serde_json = "1"
"""
PROGRAM = """use datamap_rs::map_fxn::PipelineProcessor;
use std::io::BufRead;

fn main() {
    let config = std::env::args().nth(1).expect("a pipeline");
    let processor = PipelineProcessor::new(&serde_json::from_str(&config).unwrap()).unwrap();
    for line in std::io::stdin().lock().lines() {
        let mut data: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        for step in &processor.pipeline {
            data = step.process(data).unwrap().expect("annotators keep every document");
        }
        println!("{}", data["metadata"]);
    }
}
"""

CASES = (
    "The valley was quiet when we arrived. Yes. Call (030) 123456 or (040) 987654/12. We ate bread on the wall. Go on!",
    "Paris London Rome Berlin Madrid Vienna Prague Warsaw Athens Oslo Dublin Lisbon Bern. And then some more of it.",
    "Well-Known People's Republic Of China U.S.A. Don't Stop 3.14 1,000 A.B.C. We Are All Here Now. And more of it.",
    "Ten Words Are Not Enough To Be A List Case here. Twelve words of which Six Start With A Capital are not one now.",
    "It is 3.14 or so! What? Yes... No.Not yet. e.g. this one",
    "x" * 501 + ". " + "y" * 500 + ". " + "z" * 19 + ". " + "w" * 20,
    "{}+/()>0123456789 in a sentence of words. (1) {2} [3] <4> +5 -6 /7/ 0. 1234 abcdefghijklmnop. 12345 abcdefghijklm",
    "Download it now. Vol.3 of the book. The Episode was good. See Ep.4 of it |  ",
    "see S P A C E D letters here. see S P A C E D L E T T E R S here. the the the the the the the the the the end",
    "codes, DE, FR, IT, ES, and others. codes, DE, FR, ITA, ES, and others. codes, DE,, FR, IT,, ES, or",
    "this this this this this this this this this this. the the the the the\nthe the the the the the the",
    "number nr.\n",
    "Facebook and mp3 and xxx and sex",
    "\u0446\u0435\u043d\u0430 3 \u043a\u0433.",
    "a\ufffd\ufffd\ufffdb \u2116 5. \u9ec4\u8272\u7535\u5f71",
)


def annotate(
    tool: argparse.Namespace, texts: Iterable[str], rules: Sequence[int]
) -> list[side_by_side.Answer]:
    """Return datamap-rs's `metadata` for each text."""
    crate = tool.crate
    (crate / "src").mkdir(parents=True, exist_ok=True)
    (crate / "Cargo.toml").write_text(MANIFEST.format(checkout=tool.checkout.resolve()), encoding="utf-8")
    (crate / "src" / "main.rs").write_text(PROGRAM, encoding="utf-8")
    build = ["cargo", "build", "--release", "--quiet", "--manifest-path", str(crate / "Cargo.toml")]
    subprocess.run([*build, "--target-dir", str(crate / "target")], check=True)
    options = {
        "fast_text_file": str(tool.language_model),
        "langid_field": "lang",
        "cursed_regex_file": str(tool.checkout / "banlists" / "madlad400_cursed.txt.gz"),
        "rules_to_include": rules,
        "sentence_lower_bound": 0,
    }
    pipeline = {"pipeline": [{"name": "madlad400_sentence_annotator", "kwargs": options}]}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        rows = ({"text": text, "lang": {"en": 1.0}, "metadata": {}} for text in texts)
        file.writelines(json.dumps(row) + "\n" for row in rows)
        file.seek(0)
        command = [str(crate / "target" / "release" / "probe"), json.dumps(pipeline)]
        done = subprocess.run(command, stdin=file, stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.decode().split("\n") if line]


def expressions(checkout: Path) -> list[re.Pattern[str]]:
    """Return the substrings as the dataset card uses them: all of them regular expressions."""
    content = gzip.decompress((checkout / "banlists" / "madlad400_cursed.txt.gz").read_bytes())
    return [re.compile(line) for line in content.decode("utf-8").splitlines()]


def expected(
    text: str, found: side_by_side.Answer, cursed: Sequence[re.Pattern[str]]
) -> dict[str, float | None]:
    """Return the values of the columns by the tools."""
    sentences = [piece for piece in SENTENCE_END.split(text) if piece.strip()]
    [number] = found["madlad"]["num_sentences"]
    assert number == len(sentences), (number, sentences)
    share = (lambda count: count / number) if number else (lambda _count: None)
    values = {
        f"{name}_sentence_fraction": share(len(found["madlad"].get(f"rule.{rule}", ())))
        for name, rule in RULES.items()
    }
    num_cursed = sum(any(pattern.search(sentence) for pattern in cursed) for sentence in sentences)
    return {"num_sentences": number, **values, "cursed_sentence_fraction": share(num_cursed)}


def compare(tool: argparse.Namespace) -> None:
    """Print how many documents are alike in each column, all of them and those that are ASCII."""
    texts = [*CASES, *side_by_side.NASTY, *side_by_side.documents(tool.corpus, tool.one_in)]
    answers = annotate(tool, texts, list(RULES.values()))
    training = annotate(tool, texts, [2, 5])
    cursed = expressions(tool.checkout)
    tally = side_by_side.Tally()
    own = list(side_by_side.ours(STEP, {"questionable": list(RULES)}, texts))
    as_trained = list(side_by_side.ours(STEP, {"questionable": ["list_case", "cursed"]}, texts))
    for text, theirs, trained, (_, values), (_, two) in zip(
        texts, answers, training, own, as_trained, strict=True
    ):
        suffixes = ["", " (ASCII)"] if text.isascii() else [""]
        for suffix in suffixes:
            for column, value in expected(text, theirs, cursed).items():
                is_alike = side_by_side.is_equal(values[column], value, 1e-12)
                tally.add(
                    column + suffix, is_alike=is_alike, example=f"{values[column]} {value} {text[:200]!r}"
                )
            for name, status, found in (
                ("decision, rules 2, 3, 4", theirs["madlad_status"], values),
                ("decision, rules 2, 5", trained["madlad_status"], two),
            ):
                keep = (found["questionable_sentence_fraction"] or 0.0) <= 0.2
                is_alike = keep == (status == "survived")
                tally.add(name + suffix, is_alike=is_alike, example=f"{keep} {status} {text[:200]!r}")
    print(f"{len(texts)} documents")
    tally.report()


def write(tool: argparse.Namespace) -> None:
    """Write the cases."""
    texts = [*CASES, *side_by_side.NASTY, *side_by_side.excerpts()]
    cursed = expressions(tool.checkout)
    cases = []
    for text, found in zip(texts, annotate(tool, texts, list(RULES.values())), strict=True):
        values = expected(text, found, cursed)
        if not text.isascii():
            # In bytes there.
            del values["abnormal_length_sentence_fraction"], values["technical_sentence_fraction"]
        cases.append({"text": text, "config": {}, "expect": values})
    side_by_side.write_cases("cases", STEP, TOOL, HOW, cases)


def main() -> None:
    """Compare or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--checkout", type=Path, required=True)
    parser.add_argument(
        "--crate", type=Path, required=True, help="folder for the crate that calls datamap-rs"
    )
    parser.add_argument("--language-model", type=Path, required=True, help="any fastText model of languages")
    parser.add_argument("--corpus", type=Path, help="folder with documents-*.jsonl.zst")
    parser.add_argument("--one-in", type=int, default=12)
    parser.add_argument("--write-cases", action="store_true")
    tool = parser.parse_args()
    if tool.write_cases:
        write(tool)
    else:
        compare(tool)


if __name__ == "__main__":
    main()
