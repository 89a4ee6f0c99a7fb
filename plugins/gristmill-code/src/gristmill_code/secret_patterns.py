# ruff: noqa: E501  # a table of patterns, which read better unbroken
"""What secrets in source code look like: one row a published format.

A table. Patterns are read by Rust's `regex` and by Python's `re`; all have a fixed prefix, which makes them fast, and
bounded repeats, which keeps `re` from taking quadratic time. Examples are put
together from parts, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

from dataclasses import dataclass

from gristmill_code.patterns import ascii_classes


@dataclass(frozen=True, kw_only=True, slots=True)
class SecretPattern:
    """One format of secret: its name in the output `kinds`, pattern, an example, and who publishes the format."""

    kind: str
    pattern: str
    example: str
    source: str


_A = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0U1v2W3x4Y5z6A7b8C9d0E1f2G3h4I5j6K7l8M9n0O1p2"

SECRET_PATTERNS = (
    SecretPattern(
        kind="private_key",
        pattern=r"-----BEGIN (?:(?:RSA|DSA|EC|OPENSSH|ENCRYPTED|PGP|SSH2 ENCRYPTED) )?PRIVATE KEY(?: BLOCK)?-----(?:(?:[A-Za-z0-9+/=\s\\\",:;().'<>@]|-[A-Za-z0-9\s])+-----END (?:\w+ )*PRIVATE KEY(?: BLOCK)?-----)",
        example="-----BEGIN " + "RSA PRIVATE KEY-----\n" + _A + "\n-----END RSA PRIVATE KEY-----",
        source="RFC 7468 (PEM), RFC 4880 section 6.2, OpenSSH PROTOCOL.key",
    ),
    SecretPattern(
        kind="aws_access_key",
        pattern=r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
        example="AKIA" + "QYLPMN5HHHFPZAM2",
        source="AWS IAM User Guide, IAM identifiers, unique ID prefixes; base 32",
    ),
    SecretPattern(
        kind="github_token",
        pattern=r"\b(?:gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59})\b",
        example="ghp_" + _A[:36],
        source="GitHub Docs, About authentication to GitHub: token formats",
    ),
    SecretPattern(
        kind="gitlab_token",
        pattern=r"\bglpat-[A-Za-z0-9_-]{20,64}",
        example="glpat-" + _A[:20],
        source="GitLab Docs, Token overview: token prefixes",
    ),
    SecretPattern(
        kind="slack_token",
        pattern=r"\bxox[abeoprs]-(?:\d{6,14}-){1,3}[A-Za-z0-9]{16,64}\b|\bxapp-\d-[A-Z0-9]+-\d+-[a-f0-9]{32,}\b",
        example="xoxb-" + "123456789012-123456789012-" + _A[:24],
        source="Slack API documentation, Tokens",
    ),
    SecretPattern(
        kind="slack_webhook",
        pattern=r"https://hooks\.slack\.com/(?:services|workflows)/T[A-Z0-9]{8,12}/[AB][A-Z0-9]{8,12}/[A-Za-z0-9]{18,24}",
        example="https://hooks.slack.com/services/T" + "12345678/B12345678/" + _A[:24],
        source="Slack API documentation, Incoming webhooks",
    ),
    SecretPattern(
        kind="google_api_key",
        pattern=r"\bAIza[A-Za-z0-9_-]{35}",
        example="AIza" + _A[:35],
        source="Google Cloud documentation, API keys: 39 characters; prefix as shown in its examples",
    ),
    SecretPattern(
        kind="google_oauth_secret",
        pattern=r"\bGOCSPX-[A-Za-z0-9_-]{28}",
        example="GOCSPX-" + _A[:28],
        source="Google Cloud documentation, OAuth clients: form of client secrets in its examples",
    ),
    SecretPattern(
        kind="stripe_key",
        pattern=r"\b[rs]k_live_[A-Za-z0-9]{24,99}\b",
        example="sk_" + "live_" + _A[:24],
        source="Stripe documentation, API keys: prefixes of live secret and restricted keys",
    ),
    SecretPattern(
        kind="npm_token",
        pattern=r"\bnpm_[A-Za-z0-9]{36}\b",
        example="npm_" + _A[:36],
        source="The GitHub Blog, Announcing npm's new access token format, 2021",
    ),
    SecretPattern(
        kind="pypi_token",
        pattern=r"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,1000}",
        example="pypi-" + "AgEIcHlwaS5vcmc" + _A[:60],
        source="PyPI help, API tokens: prefix `pypi-`, then a macaroon whose location is pypi.org",
    ),
    SecretPattern(
        kind="sendgrid_key",
        pattern=r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",
        example="SG." + _A[:22] + "." + _A[:43],
        source="Twilio SendGrid documentation, API keys: 69 characters",
    ),
    SecretPattern(
        kind="openai_key",
        pattern=r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{16,100}T3BlbkFJ[A-Za-z0-9_-]{16,100}",
        example="sk-" + _A[:20] + "T3Blbk" + "FJ" + _A[20:40],
        source="GitHub Docs, supported secret scanning patterns; the middle is the base 64 of a name",
    ),
    SecretPattern(
        kind="json_web_token",
        pattern=r"\beyJ[A-Za-z0-9_-]{10,500}\.eyJ[A-Za-z0-9_-]{10,1000}\.[A-Za-z0-9_-]{20,700}",
        example="eyJ" + _A[:20] + ".eyJ" + _A[:20] + "." + _A[:30],
        source='RFC 7519; `eyJ` is the base 64 of `{"`',
    ),
    SecretPattern(
        kind="url_password",
        pattern=r"\b(?:https?|ftp|ssh|git|postgres(?:ql)?|mysql|mongodb(?:\+srv)?|redis|amqps?)://[A-Za-z0-9._%+-]{1,64}:[A-Za-z0-9._%+!~*-]{6,100}@[A-Za-z0-9][A-Za-z0-9.-]+",
        example="postgres://app:" + "s3cr3tPa55@db.example.org",
        source="RFC 3986, section 3.2.1 (deprecated form `user:password`)",
    ),
)
"""Where two fit at one place, the first is taken."""

ASSIGNMENT = (
    r"(?i:api[_-]?key|secret(?:[_-]?(?:access[_-]?)?key)?|access[_-]?(?:key|token)|auth[_-]?token|client[_-]?secret"
    r"|private[_-]?key|passw(?:or)?d|passwd|pwd|token|credentials?)[\"']?[ \t]{0,3}(?:=>|:=|=|:)[ \t]{0,3}[\"'`]"
)
"""A name that promises a secret, and an opening quotation mark; what follows is judged by its entropy."""
VALUE = r"[A-Za-z0-9+/=_.~!@#%^&*-]{16,200}"
"""What a quoted secret is made of: no white space, no brackets or dollar signs, which are those of templates."""


def pattern_of(kinds: tuple[str, ...]) -> str:
    """Return one pattern for these kinds.

    Examples
    --------
    >>> "AKIA" in pattern_of(("aws_access_key",))
    True
    """
    return "|".join(f"(?:{ascii_classes(row.pattern)})" for row in SECRET_PATTERNS if row.kind in kinds)


KINDS = tuple(row.kind for row in SECRET_PATTERNS)
