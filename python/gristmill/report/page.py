"""One HTML file that needs nothing else: a fixed template, escaped data, and a policy that forbids the rest.

The template holds no data. Everything that comes from a run stands in one `application/json` element, and the
script, which the policy allows by its hash alone, places it as text.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files

from gristmill.report.blocks import JsonValue

# U+2028 and U+2029 end lines in older scripts; the others could end the element or begin a comment or an
# entity.
_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}

_TEMPLATE = """<!doctype html>
<html lang="en"> <head> <meta charset="utf-8"> <meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"> <meta name="referrer"
content="no-referrer"> <title>gristmill report</title> <style>{style}</style> </head> <body> <header>
<h1>gristmill report</h1> <p class="origin"></p> </header> <nav class="contents"
aria-label="Sections"><ul></ul></nav> <main></main> <noscript><p>This page draws itself from the data inside
it with a small script. Allow scripts, or ask for <code>gristmill report --format md</code>.</p></noscript>
<footer>This file is complete: it asks for nothing over any network. Made by gristmill from the files of the
run.</footer> <script type="application/json" id="report-data">{data}</script> <script>{script}</script>
</body> </html>
"""


def html(report: JsonValue) -> str:
    """Return the page for `report`, an object with `origin` and `sections`.

    Examples
    --------
    >>> "</script><b>" in html({"origin": "</script><b>", "sections": []})
    False
    """
    style, script = _asset("page.css"), _asset("page.js")
    allowed = f"style-src '{_hash(style)}'; script-src '{_hash(script)}'"
    policy = f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"
    return _TEMPLATE.format(policy=policy, style=style, script=script, data=embedded_json(report))


def embedded_json(value: JsonValue) -> str:
    r"""Return `value` as JSON that cannot end the script element it stands in.

    Examples
    --------
    >>> embedded_json("</script><!--")
    '"\\u003c/script\\u003e\\u003c!--"'
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)


def _asset(name: str) -> str:
    """Return a file of `assets/`; line ends are newlines, so that hashes agree everywhere."""
    return (
        files("gristmill.report").joinpath("assets", name).read_text(encoding="utf-8").replace("\r\n", "\n")
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
