r"""Compares `refinedweb_lines` with DCLM's own mappers.

python bench/parity/dclm.py --tool-python TOOL/bin/python --checkout DCLM --corpus DATA/corpus [--write-cases]

The checkout is one of mlfoundations/dclm (commit 361714b was used); the tool's Python needs justext, lxml,
lxml_html_clean, retrie, beautifulsoup4, nltk, uniseg, fasttext (or fasttext-wheel) and unidecode. The functions run in
the order, and with the settings, of baselines_configs/dclm_baseline_refinedweb.yaml, from `word_counter_enricher` on.
"""

from __future__ import annotations

import argparse
import sys
import types

import side_by_side

STEP = "refinedweb_lines"
TOOL = "mlfoundations/dclm, commit 361714b"
HOW = "baselines/mappers/modifiers.py and filters/content_filters.py, in the order of dclm_baseline_refinedweb.yaml"

CASES = (
    "NEWS AND MORE NEWS\nThe council met on Tuesday to talk about the bridge.\n12345\nIt will be closed in May.",
    "3 likes\n1,234 Views\n* 3.5K   followers! *\n3 likes 4 shares\n3likes\n² likes\n٣ likes\nfive likes",
    "Home\nAbout\nA line of several words stays here.\n\n   \nOne\nAnd so does this one, of course.",
    "5 items in cart now\nItems In Cart\nThe long line says that there are five items in cart of the shop today.",
    "The story goes on. Read more...\nread more now\nread more at\nRead More…..\nGo and read more abc def",
    "Sign-in\nSIGN-IN to your account\nsign-in  here please\nPlease sign-in here\nsign-in items in cart read more...",
    "  12345  \nA first line of digits goes once it is stripped.",
    "12345\n\n  678  \nThen comes the next line, and it was stripped too late.",
    "\n\n  Leading blanks go, and so do trailing ones.  \n\n",
    "ab CD\nABC d\nABCdef\nÀÉÎ õ\n𝐀𝐁𝐂 d\nⒶⒷ a\nǅǅ a",
    "١٢٣٤\n½½½\n²²²\n三三三\nThese are digits or they are not.",
    "a \u00a0 b\n\u00a0\u00a0\nA line with\u00a0no-break spaces\u00a0only here.",
    "İtems in cart\nıtems ın cart here\nſign-in now\nItems in\u00a0cart",
    "«quoted» words don't count here\n(nor these)\nOK BUT THIS LINE GOES AWAY",
)


def load(checkout: str) -> types.SimpleNamespace:
    """Return DCLM's functions; its packages import much that these don't need."""
    for name, folder in (
        ("core", "baselines/core"),
        ("baselines", "baselines"),
        ("baselines.mappers", "baselines/mappers"),
        ("baselines.mappers.filters", "baselines/mappers/filters"),
    ):
        package = types.ModuleType(name)
        package.__path__ = [f"{checkout}/{folder}"]
        sys.modules[name] = package
    transformers = types.ModuleType("transformers")
    transformers.AutoTokenizer = None
    sys.modules["transformers"] = transformers
    from baselines.mappers import modifiers
    from baselines.mappers.core_utils import split_words
    from baselines.mappers.filters import content_filters

    return types.SimpleNamespace(modifiers=modifiers, filters=content_filters, split_words=split_words)


def answering(checkout: str) -> side_by_side.Callable[[side_by_side.Answer], side_by_side.Answer]:
    """Return the function that answers with what the pipeline leaves, or null, after each mapper."""
    dclm = load(checkout)
    modifiers, count = dclm.modifiers, dclm.split_words
    phrases = {"max_length": 10, "remove_substring_only": True}
    mappers = {
        "uppercase": lambda page: modifiers.uppercase_ratio_line_modifier(page, max_ratio=0.5),
        "numeric": lambda page: modifiers.numeric_ratio_line_modifier(page, max_ratio=0.999999),
        "counter": modifiers.counter_line_modifier(),
        "few_words": lambda page: modifiers.line_length_modifier(page, min_length=2),
        "anywhere": modifiers.substring_line_modifier(banlist="items in cart", **phrases),
        "at_end": modifiers.substring_line_modifier(banlist="Read more...", location="suffix", **phrases),
        "at_start": modifiers.substring_line_modifier(banlist="Sign-in", location="prefix", **phrases),
    }

    def run(request: side_by_side.Answer) -> side_by_side.Answer:
        page = {"text": request["text"], "before": len(count(request["text"], ignore_punctuation=True))}
        for mapper in mappers.values():
            pages = mapper(page)
            if not pages:
                return {"text": None, "keep": False, "removed": None}
            [page] = pages
        after = len(count(page["text"], ignore_punctuation=True))
        removed = (page["before"] - after) / page["before"] if page["before"] else None
        keep = bool(dclm.filters.word_removal_ratio_filter(page, prev_word_count_key="before"))
        return {"text": page["text"], "keep": keep, "removed": removed}

    return run


def compare(tool: argparse.Namespace) -> None:
    """Print how many documents are alike in text, share of removed words, and decision."""
    texts = [*CASES, *side_by_side.NASTY, *side_by_side.documents(tool.corpus, tool.one_in)]
    answers = side_by_side.ask(__file__, tool, ({"text": text} for text in texts))
    tally = side_by_side.Tally()
    num_edited = num_kept = 0
    for text, theirs, (left, values) in zip(texts, answers, side_by_side.ours(STEP, {}, texts), strict=True):
        removed = values["removed_word_fraction"]
        keep = removed <= 0.05
        num_edited += left != text
        num_kept += keep
        tally.add(
            "decision", is_alike=keep == theirs["keep"], example=f"{keep} {theirs['keep']} {text[:200]!r}"
        )
        if theirs["text"] is not None:
            tally.add(
                "text",
                is_alike=left == theirs["text"],
                example=f"{left[:300]!r}\n    {theirs['text'][:300]!r}",
            )
        if theirs["removed"] is not None:
            is_alike = side_by_side.is_equal(removed, max(theirs["removed"], 0.0), 1e-12)
            example = f"{removed} {theirs['removed']} {text[:200]!r}"
            tally.add("removed_word_fraction", is_alike=is_alike, example=example)
    print(f"{len(texts)} documents, {num_edited} edited, {num_kept} kept")
    tally.report()


def write(tool: argparse.Namespace) -> None:
    """Write the cases: values and decisions, and apart from them the texts that are left."""
    texts = [*CASES, *side_by_side.NASTY, *side_by_side.excerpts()]
    answers = side_by_side.ask(__file__, tool, ({"text": text} for text in texts))
    cases = []
    for text, theirs in zip(texts, answers, strict=True):
        expect = {"keep": theirs["keep"]}
        if theirs["removed"] is not None:
            expect["removed_word_fraction"] = max(theirs["removed"], 0.0)
        cases.append({"text": text, "config": {}, "expect": expect})
    side_by_side.write_cases("cases", STEP, TOOL, HOW, cases)
    left = [
        {"text": text, "left": theirs["text"]}
        for text, theirs in zip(texts, answers, strict=True)
        if theirs["text"] is not None
    ]
    side_by_side.write_cases("texts", STEP, TOOL, HOW, left)


def main() -> None:
    """Be one side or the other."""
    tool = side_by_side.arguments(__doc__)
    if tool.answer:
        side_by_side.answer(answering(str(tool.checkout)))
    elif tool.write_cases:
        write(tool)
    else:
        compare(tool)


if __name__ == "__main__":
    main()
