# ruff: noqa: E501  # a script that prints, with templates of text
"""Prints how the signals tell financial documents, planted among real ones, from the rest.

    python tools/planted.py CORPUS.jsonl[.zst] [--show]

Positives are written by this script from templates (filings, earnings releases, market notes): there is no labelled
financial text to be had under a free licence. They show that the forms are found, not how well real filings are read.
Negatives are the documents of the corpus, which has to hold none.
"""

from __future__ import annotations

import argparse
import random

import polars as pl

from gristmill.plugins.operators import Signal
from gristmill.plugins.testing import run
from gristmill_finance import (
    CurrencyDensity,
    FilingBoilerplate,
    FilingSections,
    FinancialText,
    ForwardLooking,
    NumberDensity,
    Sentiment,
    StripFilingBoilerplate,
    StripForwardLooking,
    TickerDensity,
)

NAMES = (
    "Gristmill Grain",
    "Northern Locks",
    "Amber Rail",
    "Harbour Gas",
    "Plain Paper",
    "Second Street Bank",
)
SYMBOLS = ("GRSM", "NLK", "AMBR", "HGAS", "PPR", "SSB")
COVER = (
    "UNITED STATES\nSECURITIES AND EXCHANGE COMMISSION\nWashington, D.C. 20549\n\nFORM 10-K\n\nCommission file number 1-{n}\n\n"
    "{name} Inc.\n(Exact name of registrant as specified in its charter)\n\nIndicate by check mark whether the registrant "
    "is a shell company. Yes [ ] No [X]\n\n"
)
CONTENTS = "TABLE OF CONTENTS\n\nItem 1. Business ........ 3\nItem 1A. Risk Factors ........ 9\nItem 7. Management's Discussion\t21\n\n"
SIGNATURES = (
    "SIGNATURES\n\nPursuant to the requirements of Section 13 or 15(d) of the Securities Exchange Act of 1934, the registrant "
    "has duly caused this report to be signed on its behalf.\n\n/s/ A. Author\n"
)
DISCLAIMER = (
    "Forward-Looking Statements\n\nThis document contains forward-looking statements within the meaning of the Private "
    "Securities Litigation Reform Act of 1995.\nActual results may differ materially, and {name} undertakes no obligation "
    "to update any forward-looking statement.\n\n"
)
RESULTS = (
    (
        "Net sales {rose} {p} % to ${m}.{d} million in fiscal {y}, from ${k}.{d} million the year before. Operating income was "
        "${d}.{p} million; the gross margin changed by {b} basis points."
    ),
    "Cash flow from operations {rose}, and the board declared a dividend of $0.{b} a share on its common stock.",
    "We expect net sales to grow in {y}, although higher interest rates could weigh on the credit facility.",
    "The company recorded an impairment of goodwill of EUR {d} million and a loss on derivatives.",
    "Shares of {name} (NASDAQ: {symbol}) {rose} {p} % on Monday; traders pointed to strong earnings per share.",
)


def planted(seed: int, count: int) -> list[tuple[str, str]]:
    """Return kind and text of documents made from the templates."""
    generator = random.Random(seed)
    made = []
    for number in range(count):
        pick = generator.randrange(len(NAMES))
        words = {
            "name": NAMES[pick],
            "symbol": SYMBOLS[pick],
            "rose": generator.choice(("rose", "fell")),
            "n": 10000 + number,
            "y": generator.randrange(2001, 2024),
            **{letter: generator.randrange(2, 99) for letter in "pmkdb"},
        }
        text = [line.format(**words) for line in generator.choices(RESULTS, k=generator.randrange(2, 8))]
        if number % 3 == 0:
            body = "PART I\n\nItem 1. Business\n\n{}\n\nItem 1A. Risk Factors\n\n{}\n\nItem 7. Management's Discussion and Analysis\n\n{}\n\n"
            body = body.format(text[0], "Harvests may fail.", " ".join(text[1:]))
            made.append(
                (
                    "filing",
                    (COVER + CONTENTS).format(**words) + DISCLAIMER.format(**words) + body + SIGNATURES,
                )
            )
        elif number % 3 == 1:
            made.append(("release", "\n\n".join([*text, DISCLAIMER.format(**words)])))
        else:
            made.append(("note", " ".join(text[:3]) + "\n"))
    return made


SIGNALS: tuple[type[Signal], ...] = (
    TickerDensity,
    NumberDensity,
    CurrencyDensity,
    FilingSections,
    FilingBoilerplate,
    ForwardLooking,
    Sentiment,
)
ABOVE = {
    "num_tickers": 1,
    "num_amounts": 1,
    "number_density": 0.05,
    "num_basis_points": 1,
    "item_fraction": 0.1,
    "boilerplate_fraction": 0.1,
    "num_disclaimers": 1,
    "forward_fraction": 0.3,
    "sentiment_density": 0.03,
}


def main() -> None:
    """Print a table, one column a group of documents."""
    parser = argparse.ArgumentParser(description="planted financial documents")
    parser.add_argument("corpus")
    parser.add_argument("--show", action="store_true", help="print the negatives that the preset keeps")
    arguments = parser.parse_args()
    groups: dict[str, list[str]] = {}
    for kind, text in planted(7, 300):
        groups.setdefault(kind, []).append(text)
    groups["corpus"] = pl.read_ndjson(arguments.corpus)["text"].drop_nulls().to_list()
    print(f"{'share of documents with':36}" + "".join(f"{name:>10}" for name in groups))
    print(f"{'documents':36}" + "".join(f"{len(texts):10}" for texts in groups.values()))
    columns = {
        name: {k: v for signal in SIGNALS for k, v in run(signal, texts).items()}
        for name, texts in groups.items()
    }
    for name, limit in ABOVE.items():
        shares = [sum(float(str(v or 0)) >= limit for v in c[name]) / len(c[name]) for c in columns.values()]
        print(f"{name + ' >= ' + str(limit):36}" + "".join(f"{share:10.1%}" for share in shares))
    kept = {name: run(FinancialText, texts)["keep"] for name, texts in groups.items()}
    print(
        f"{'finance.financial_text keeps':36}"
        + "".join(f"{sum(map(bool, k)) / len(k):10.1%}" for k in kept.values())
    )
    for transform in (StripFilingBoilerplate, StripForwardLooking):
        shares = []
        for texts in groups.values():
            new = run(transform, texts)["text"]
            shares.append(1 - sum(len(str(text)) for text in new) / sum(map(len, texts)))
        print(f"{transform.name + ' takes out':36}" + "".join(f"{share:10.1%}" for share in shares))
    if arguments.show:
        for text, keep in zip(groups["corpus"], kept["corpus"], strict=True):
            if keep:
                print("---", repr(text[:300]))


if __name__ == "__main__":
    main()
