# ruff: noqa: E501  # tables of patterns and words
r"""`support.strip_quotes`: takes quoted replies, headers, signatures and legal footers out of e-mails.

Forms: RFC 3676, section 4.3 (`-- ` before a signature) and 4.5 (`>` before a quoted line); the attribution
lines and header blocks of Gmail, Apple Mail, Outlook and Thunderbird in English, German and French; the
footers of telephones. What stands before an `On ... wrote:` line without `>` behind it is the reply: the
rest goes, as those programs quote everything.
"""

from __future__ import annotations

from gristmill.plugins.api import Expr, Field, Transform, col, frozen_config, when

_ATTRIBUTION_LINE = (
    r"[ \t]*(?:>[> ]*)?(?:On[ ][^\n]{4,200}?(?:\n[^\n]{0,100}?)?[ \n]wrote:|Am[ ][^\n]{4,200}?(?:\n[^\n]{0,100}?)?[ \n]schrieb[^\n]{0,80}:"
    r"|Le[ ][^\n]{4,200}?(?:\n[^\n]{0,100}?)?[ \n]a[ ]écrit[ ]?:|[^\n]{2,80}[ ]wrote[ ](?:on|at)[ ][^\n]{4,60}:)[ \t]*\r?$"
)
ATTRIBUTION = rf"(?m)^{_ATTRIBUTION_LINE}"
"""The line that says who wrote what is quoted; mail programs break it once."""
ORIGINAL_MARK = r"(?mi)^[ \t>]*(?:-{2,}|_{5,})[ ]*(?:original message|original appointment|ursprüngliche nachricht|message d'origine)[ ]*(?:-{2,}|_{5,})?[ \t]*\r?$"
FORWARD_MARK = r"(?mi)^[ \t>]*(?:-{5,}[ ]*forwarded message[ ]*-{5,}|begin forwarded message:)[ \t]*\r?$"
_HEADER = r"[ \t>]*\*?(?:From|Sent|To|Cc|Bcc|Subject|Date|Reply-To|Importance|Attachments|Von|Gesendet|An|Betreff|De|Envoyé|À|Objet)[ ]?:\*?[^\n]*"
_HEADERS = rf"{_HEADER}\n(?:{_HEADER}\n){{1,7}}(?:{_HEADER}$)?"
_OUTLOOK = r"(?ms)^[ \t]*(?:_{10,}[ \t]*\r?\n)?[ \t]*\*?(?:From|Von|De)[ ]?:\*?[^\n]*\n[ \t]*\*?(?:Sent|Date|Gesendet|Envoyé)[ ]?:.*"
_QUOTED = r"[ \t]*>[^\n]*(?:\n|$)"
_SIGNATURE = r"(?ms)^--[ ]?\r?$.*"
_SENT_FROM = (
    r"(?mi)^[ \t]*(?:sent from my [^\n]{2,40}|sent from (?:mail|yahoo mail|outlook|gmail|samsung)[^\n]{0,60}|get outlook for [^\n]{2,40}"
    r"|sent via [^\n]{2,40}|von meinem [^\n]{2,40} gesendet|envoyé de mon [^\n]{2,40}|gesendet mit [^\n]{2,40})\r?$"
)
_FOOTER = (
    r"(?mi)^[ \t*_]*(?:confidentiality (?:notice|note|statement)|disclaimer ?:|legal notice ?:|privileged (?:and|&) confidential"
    r"|(?:this|the information (?:contained )?in this) (?:e-?mail|message|communication|transmission)\b[^\n]{0,120}\b(?:confidential|privileged|intended (?:only |solely )?for)"
    r"|if you (?:are not the intended recipient|have received this (?:e-?mail|message) in error)"
    r"|please consider the environment before printing)[^\n]*(?:\n[ \t]*[^\s][^\n]*)*"
)
"""A paragraph that opens with the words of a confidentiality notice."""


@frozen_config
class StripQuotesConfig:
    """Recipe keys of `support.strip_quotes`."""

    quotes: bool = Field(default=True, doc="take out quoted replies with their attribution lines")
    forwards: bool = Field(
        default=True, doc="take out the marks and headers of forwarded messages, not their text"
    )
    signatures: bool = Field(
        default=True, doc="take out what stands behind `-- `, and the footers of telephones"
    )
    footers: bool = Field(default=True, doc="take out paragraphs that open like a confidentiality notice")


class StripQuotes(Transform):
    """An e-mail without what it quotes, its signature and its legal footer.

    Three line ends or more in a row, and white space at the end, are evened out in texts that change only.
    """

    name, version = "strip_quotes", 1
    Config = StripQuotesConfig
    config: StripQuotesConfig

    def expr(self) -> Expr:
        """Return the chain of replacements, headers of forwards first: they look like a quoted message's."""
        text = col("text")
        if self.config.forwards:
            text = text.str.replace_all(
                rf"(?mi)({FORWARD_MARK.removeprefix('(?mi)')})\n(?:[ \t>]*\r?\n)*(?:{_HEADERS})?", ""
            )
        if self.config.quotes:
            text = text.str.replace(rf"(?s){ORIGINAL_MARK}.*", "")
            text = text.str.replace_all(rf"(?m)^{_ATTRIBUTION_LINE}\n(?:[ \t]*\r?\n)*(?:{_QUOTED})+", "")
            text = text.str.replace_all(rf"(?m)^{_QUOTED}", "")
            text = text.str.replace(rf"(?ms)^{_ATTRIBUTION_LINE}.*", "")
            text = text.str.replace(_OUTLOOK, "")
        if self.config.footers:
            text = text.str.replace_all(_FOOTER, "")
        if self.config.signatures:
            text = text.str.replace(_SIGNATURE, "").str.replace_all(_SENT_FROM, "")
        tidy = text.str.replace_all(r"\n(?:[ \t]*\n){2,}", "\n\n").str.strip_chars_end()
        return when(text == col("text")).then(col("text")).otherwise(tidy)
