"""Prints what repeats and contact details do to classifiers of three labelled sets.

    python tools/before_after.py SMSSpamCollection tweets.csv data_small.json

The classifier is multinomial naive Bayes on words, with add-one smoothing; needs numpy only. SMS spam and
tweets are split by position, every fifth text to the test; CLINC150 has its own split.
"""

from __future__ import annotations

import collections
import json
import re
import sys
from pathlib import Path

import numpy as np
import polars as pl

from gristmill.plugins.testing import run
from gristmill_support import AgentBoilerplate, ContactDetails, MaskContacts

Labelled = list[tuple[str, str]]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9£$@'\[\]_#]+", text.lower())


def macro_f1(train: Labelled, test: Labelled) -> tuple[float, float]:
    """Return accuracy and macro-F1 of naive Bayes."""
    labels = sorted({label for _, label in train})
    vocabulary = {
        word: index for index, word in enumerate(sorted({word for text, _ in train for word in words(text)}))
    }
    counts = np.ones((len(labels), len(vocabulary)))
    prior = np.zeros(len(labels))
    for text, label in train:
        row = labels.index(label)
        prior[row] += 1
        for word in words(text):
            counts[row, vocabulary[word]] += 1
    weights = np.log(counts / counts.sum(axis=1, keepdims=True))
    guesses = []
    for text, _ in test:
        columns = [vocabulary[word] for word in words(text) if word in vocabulary]
        guesses.append(labels[int(np.argmax(np.log(prior) + weights[:, columns].sum(axis=1)))])
    truth = [label for _, label in test]
    f1 = []
    for label in sorted(set(truth)):
        hits = sum(a == b == label for a, b in zip(truth, guesses, strict=True))
        f1.append(2 * hits / max(1, truth.count(label) + guesses.count(label)))
    return sum(a == b for a, b in zip(truth, guesses, strict=True)) / len(truth), sum(f1) / len(f1)


def normal(text: str) -> str:
    return " ".join(words(str(text)))


def masked(rows: Labelled) -> Labelled:
    return list(
        zip(
            map(str, run(MaskContacts, [text for text, _ in rows])["text"]),
            [label for _, label in rows],
            strict=True,
        )
    )


def show(name: str, train: Labelled, test: Labelled) -> None:
    """Print repeats, contradictions and four trainings."""
    seen = {normal(text) for text, _ in train}
    by_text = collections.defaultdict(set)
    for text, label in train + test:
        by_text[normal(text)].add(label)
    masked_train, masked_test = masked(train), masked(test)
    masked_seen = {normal(text) for text, _ in masked_train}
    fresh = [row for row, (text, _) in enumerate(masked_test) if normal(text) not in masked_seen]
    print(f"\n{name}: {len(train)} to train on, {len(test)} to test")
    print(f"  texts of the test that training has, too: {sum(normal(text) in seen for text, _ in test)}; "
          f"after masking contact details: {len(test) - len(fresh)}")  # fmt: skip
    print(f"  texts with more than one label: {sum(len(found) > 1 for found in by_text.values())}")
    once = list({normal(text): (text, label) for text, label in masked_train}.values())
    for what, first, second in (
        ("as it is", train, test),
        ("contact details masked", masked_train, masked_test),
        ("tested on what training has not", masked_train, [masked_test[row] for row in fresh]),
        ("and trained on each text once", once, [masked_test[row] for row in fresh]),
    ):
        accuracy, f1 = macro_f1(first, second)
        print(f"  {what:34} accuracy {accuracy:.3f}  macro-F1 {f1:.3f}")
    texts = [text for text, _ in train + test]
    found = run(ContactDetails, texts)
    print(
        "  contact details:",
        {
            key.removeprefix("num_"): sum(map(int, values))
            for key, values in found.items()
            if sum(map(int, values))
        },
    )
    share = run(AgentBoilerplate, texts)["boilerplate_fraction"]
    print(f"  texts that are half set phrases or more: {sum((value or 0) >= 0.5 for value in share)}")


def main(spam: Path, tweets: Path, intents: Path) -> None:
    """Print all three."""
    rows = [line.rstrip("\t").split("\t", 1) for line in spam.read_text("utf-8").splitlines() if "\t" in line]
    messages = [(text.strip('"'), label) for label, text in rows]
    show("SMS spam", [row for n, row in enumerate(messages) if n % 5], messages[::5])
    table = pl.read_csv(tweets)
    opinions = list(zip(table["text"], table["airline_sentiment"], strict=True))
    show("airline tweets", [row for n, row in enumerate(opinions) if n % 5], opinions[::5])
    splits = json.loads(intents.read_text("utf-8"))
    show("CLINC150 small", [(a, b) for a, b in splits["train"]], [(a, b) for a, b in splits["test"]])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
