"""Published formats are found and masked, sample values and ordinary names are not."""

import itertools
import random
import string

import polars as pl
import pytest
from hypothesis import given, settings, strategies

from gristmill.errors import GristmillError
from gristmill.plugins.testing import run
from gristmill_code.patterns import ascii_classes
from gristmill_code.secret_patterns import KINDS, SECRET_PATTERNS, SecretPattern
from gristmill_code.secrets import MaskSecrets, Secrets, entropy_bits, find_secrets, looks_random


@pytest.mark.parametrize("row", SECRET_PATTERNS, ids=lambda row: row.kind)
def test_every_format_finds_its_example(row: SecretPattern) -> None:
    text = f'call("{row.example}")\n'
    assert [kind for _, _, kind in find_secrets(text)] == [row.kind]
    assert run(Secrets, [text]) == {"num_secrets": [1], "kinds": [row.kind]}
    assert run(MaskSecrets, [text])["text"] == [f'call("<{row.kind}>")\n']
    # Rust's engine and Python's agree on the example.
    assert pl.Series([text]).str.count_matches(ascii_classes(row.pattern)).to_list() == [1]
    assert row.source


@pytest.mark.parametrize(
    "text",
    [
        "api_key = 'hT5x9Qz2Lm8Rk4Vb7Nw1'",
        '"client_secret": "9f86d081884c7d659a2feaa0c55ad015"',
        "$dbPassword => 'Xk29fLq81mZr7Pw3Tn5v'",
        'auth_token := "Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA=="',
    ],
)
def test_random_values_behind_telling_names(text: str) -> None:
    assert [kind for _, _, kind in find_secrets(text)] == ["high_entropy"]
    assert find_secrets(text, high_entropy=False) == []


@pytest.mark.parametrize(
    "text",
    [
        "password = 'correct horse battery staple'",
        "password = 'YOUR_PASSWORD_GOES_HERE_1'",
        "token = 'django.contrib.auth.tokens.Reset1'",
        "api_key = 'xxxxxxxxxxxxxxxxxxxxxxxx1a'",
        "secret_key = os.environ['KEY']",
        "secret = 'aaaaaaaaaaaaaaaaaaaaaaaa1'",
        "token = 'http-equiv-content-type-header'",
        "AKIAIOSFODNN7 is not 20 characters",
        "hash = 'da39a3ee5e6b4b0d3255bfef95601890afd80709'",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "-----BEGIN RSA PRIVATE KEY----- and no end",
        "https://user@example.org:8080/path",
    ],
)
def test_ordinary_text_has_none(text: str) -> None:
    assert find_secrets(text) == []


def test_masks_keep_everything_else() -> None:
    text = "é = 1\ntoken = 'hT5x9Qz2Lm8Rk4Vb7Nw1'  # 日本\n" + SECRET_PATTERNS[1].example + "\n"
    assert run(MaskSecrets, [text, "nothing"])["text"] == [
        "é = 1\ntoken = '<high_entropy>'  # 日本\n<aws_access_key>\n",
        "nothing",
    ]
    assert run(MaskSecrets, [text], {"mask": "***", "kinds": []})["text"] == [
        text.replace("hT5x9Qz2Lm8Rk4Vb7Nw1", "***")
    ]


def test_kinds_are_chosen_and_checked() -> None:
    text = SECRET_PATTERNS[1].example
    assert run(Secrets, [text], {"kinds": ["github_token"]})["num_secrets"] == [0]
    for keys in ({"kinds": ["aws"]}, {"kinds": [], "high_entropy": False}):
        with pytest.raises(GristmillError) as caught:
            run(Secrets, [text], keys)
        assert caught.value.code == "GM-PLUGIN-009"


def test_entropy_tells_random_values_from_words() -> None:
    generator = random.Random(7)
    alphabet = string.ascii_letters + string.digits
    values = ["".join(generator.choices(alphabet, k=32)) for _ in range(500)]
    assert sum(map(looks_random, values)) >= 495
    words = ["maximum_number_of_workers_1", "org.apache.commons.lang3.builder", "application/vnd.ms-excel12"]
    assert not any(map(looks_random, words))
    assert entropy_bits("abcd") == 2.0


PARTS = strategies.sampled_from(
    [row.example for row in SECRET_PATTERNS]
    + ["token = '", "hT5x9Qz2Lm8Rk4Vb7Nw1", "'", "é", "\n", " ", "-----BEGIN PRIVATE KEY-----", "日本"]
)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(strategies.lists(PARTS, max_size=12).map("".join))
def test_masking_leaves_no_secret_and_changes_nothing_else(text: str) -> None:
    spans = find_secrets(text)
    assert all(end <= start for (_, end, _), (start, _, _) in itertools.pairwise(spans))
    values = run(Secrets, [text, "-"])
    assert values["num_secrets"] == [len(spans), 0]
    masked = run(MaskSecrets, [text, "-"], {"mask": "\u2588"})["text"][0]
    expected, position = "", 0
    for start, end, _ in spans:
        expected += text[position:start] + "\u2588"
        position = end
    assert masked == expected + text[position:]


def test_time_stays_linear_in_hostile_text() -> None:
    # Quadratic time on a megabyte would run into the suite's limit.
    for part in (
        "-----BEGIN RSA PRIVATE KEY-----",
        "eyJaaaaaaaaaaaa-",
        "https://a:bbbbbb",
        "xoxb-123456-",
        "token='",
    ):
        find_secrets(part * (300_000 // len(part)))


def test_all_kinds_are_named_once() -> None:
    assert len(set(KINDS)) == len(KINDS)
