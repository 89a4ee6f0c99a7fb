"""How `code_quality` agrees with the published code filters, whose own functions are called from their sources.

    python bench/parity/code_filters.py TOOL_PYTHON SOURCES CORPUS [--write-cases]

Run with gristmill's Python. TOOL_PYTHON has beautifulsoup4, pygments, regex and numpy. SOURCES holds checkouts named
`bigcode-dataset` (StarCoder), `dolma`, `Curator` and `opc_data_filtering` (OpenCoder); only the functions below are
taken from them. CORPUS is a folder with `code-and-licences.parquet` and `web.warc.gz`.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

CASES = Path(__file__).parents[2] / "tests/parity/cases/code_quality.json"
STYLES = {"py": "python", "c": "c", "h": "c", "go": "c", "js": "c", "rs": "c", "php": "c", "java": "c"}
LEXERS = {
    "py": "python",
    "c": "c",
    "h": "c",
    "go": "go",
    "js": "javascript",
    "rs": "rust",
    "php": "php",
    "java": "java",
}
NAMES = {
    "starcoder": ("bigcode-dataset/preprocessing/filtering.py", ["filter_xml"]),
    "starcoder_text": ("bigcode-dataset/preprocessing/utils/text_extraction.py", None),
    "dolma": ("dolma/python/dolma/taggers/code/code_taggers.py", ["CodeRedPajamaTaggers"]),
    "dolma_utils": ("dolma/python/dolma/taggers/code/utils.py", ["filter_html", "get_whitespace_regex"]),
    "curator": (
        "Curator/nemo_curator/stages/text/filters/heuristic/code/code.py",
        ["NumberOfLinesOfCodeFilter", "XMLHeaderFilter", "AlphaFilter"],
    ),
    "opencoder": (
        "opc_data_filtering/quality_signals/code.py",
        ["QSC_Code_Cate_Encoded_Data", "QSC_Code_Frac_Chars_Hex_Words"],
    ),
}

TEXTS = (
    "",
    "x",
    "def area(width, height):\n    # metres\n    return width * height\n",
    "int add(int a, int b) {\r\n\treturn a + b; /* sum */\r\n}\r\n",
    "naïve = 'Größe'\u2028größer = '漢字'\n\n",
    '<?xml version="1.0"?>\n<a/>\n',
    " " * 87 + '<?xml version="1.0"?>',
    " " * 86 + '<?xml version="1.0"?>',
    "key = '" + "QUJD" * 16 + "'\n",
    "key = '" + "QUJD" * 8 + "'\nvalue = 1\n",
    "a = [" + "0x41,0x42,0x43,0x44,0x45,0x46,0x47,0x48," * 3 + "]\n",
    "a = [" + "0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, " * 3 + "]\n",
    "s = '" + "\\x41" * 30 + "'\n",
    "s = '" + "\\u00e9" * 20 + "'\n",
    "41 42 43 44 45 46 47 48 49\n" * 4,
    "é41 42 43 44 45 46 47 48 49 4a\u3000",
    "word\n" * 40,
    "mask = 0x1F | 0XFFFF & 0xg1 + a0x11\n",
    "one\n" + "two " * 300 + "\nthree",
    "a\x1cb\x0bc\x85d\n",
)
PAGES = (
    "<html><head><title>The mill</title><style>p { color: red; }</style></head>\n<body><p class='a>b'>"
    + "The mill stands by the river. " * 6
    + "</p><!-- <b>not this</b> --><script>if (a < b) { go(); }</script></body></html>",
    "<!DOCTYPE html>\n<ul>" + "<li>Flour &amp; water &mdash; bread</li>\n" * 8 + "</ul>",
    "<p>" + "plain text without much markup, just a line that goes on for a while " * 3 + "</p>",
    "<div><SCRIPT type='x'>"
    + "call(1);" * 40
    + "</SCRIPT >"
    + "<br/>" * 20
    + "Read on in the next part. " * 5
    + "</div>",
)


def take(path: Path, names: Sequence[str] | None, namespace: dict[str, object]) -> SimpleNamespace:
    """Run the named functions and classes of a file, or the whole file, and return what they define."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if names is not None:
        tree.body = [node for node in tree.body if getattr(node, "name", None) in names]
        for node in tree.body:
            node.decorator_list = []
    exec(compile(tree, str(path), "exec"), namespace)
    return SimpleNamespace(**namespace)


def tool_main(sources: Path) -> None:
    """Print the tools' values of every line of standard input: `[text, lexer or null, is a page]`."""
    import numpy as np
    import regex
    from bs4 import BeautifulSoup

    class Span(SimpleNamespace):
        pass

    tools: dict[str, SimpleNamespace] = {}
    namespace: dict[str, object] = {
        "__name__": "tool",
        "np": np,
        "regex": regex,
        "re": regex,
        "BeautifulSoup": BeautifulSoup,
        "regex_alpha": regex.compile("[[:alpha:]]"),
        "BaseTagger": object,
        "DocumentFilter": object,
        "QSCodeBase": object,
        "SignalType": list,
        "QSCodeDocument": object,
        "Document": object,
        "Span": Span,
        "DocResult": SimpleNamespace,
        "List": list,
        "PRECISION": 8,
        "check_code_dependencies": lambda: None,
    }
    for name in ("dolma_utils", "dolma", "starcoder", "starcoder_text", "curator", "opencoder"):
        file, names = NAMES[name]
        tools[name] = take(sources / file, names, namespace)
    found = tools["opencoder"]
    tagger, lines, alpha = (
        found.CodeRedPajamaTaggers(),
        found.NumberOfLinesOfCodeFilter(),
        found.AlphaFilter(),
    )

    class Code(SimpleNamespace):
        def __len__(self) -> int:
            return len(self.raw_content)

    for line in sys.stdin:
        text, lexer, is_page = json.loads(line)
        spans = tagger.predict(SimpleNamespace(text=text)).spans
        scores = {span.type: span.score for span in spans}
        code = Code(raw_content=text, code_raw_content=text)
        values: dict[str, object] = {
            "num_lines": lines.score_document(text),
            "has_xml_header": not found.filter_xml({"content": text}),
            "longest_line": int(scores["max_line_length_doc"]),
            "mean_line_length": scores["avg_line_length_doc"] if text.splitlines() else None,
            "alphanumeric_fraction": scores["alnum_prop_doc"] if text else None,
            "alpha": alpha.score_document(text) if text else None,
            "is_encoded": bool(found.QSC_Code_Cate_Encoded_Data()(code)[0][2]),
            "hex_word_fraction": found.QSC_Code_Frac_Chars_Hex_Words()(code)[0][2],
        }
        if lexer is not None and text:
            values["comment_fraction"] = found.get_nl_ratio(text, lexer)
        if is_page and text:
            values["visible_text_fraction"] = found.filter_html(text)
        print(json.dumps(values))


def tool_values(
    python: str, sources: Path, rows: Sequence[tuple[str, str | None, bool]]
) -> list[dict[str, object]]:
    """Return what the tools find, a dictionary a row."""
    command = [python, __file__, "--tool", str(sources)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    output = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def our_values(rows: Sequence[tuple[str, str | None, bool]]) -> list[Mapping[str, object]]:
    """Return our columns, a dictionary a row, and `.keep` of the rules on encoded data."""
    import pyarrow as pa

    import gristmill

    found: list[Mapping[str, object]] = [{} for _ in rows]
    for lexer in sorted({row[1] for row in rows}, key=str):
        style = next((STYLES[suffix] for suffix, name in LEXERS.items() if name == lexer), "none")
        numbers = [number for number, row in enumerate(rows) if row[1] == lexer]
        table = pa.table({"text": [rows[number][0] for number in numbers]})
        step = {"use": "code_quality", "comment_style": style}
        for number, values in zip(numbers, gristmill.signals(table, [step]).to_pylist(), strict=True):
            found[number] = {name.removeprefix("code_quality."): value for name, value in values.items()}
    return found


def is_encoded(ours: Mapping[str, object]) -> bool:
    """Return whether our columns are above the published limits."""
    return bool((ours["encoded_fraction"] or 0) > 0.5 or ours["longest_encoded_run"] > 1024)


def is_close(ours: object, theirs: object, tolerance: float = 1e-12) -> bool:
    """Return whether two values are the same; floats up to the last digits, which depend on the order of sums."""
    if isinstance(ours, float) and isinstance(theirs, (int, float)):
        return abs(ours - theirs) <= tolerance
    return ours == theirs


def pages(path: Path, limit: int) -> list[str]:
    """Return HTML pages of a WARC file."""
    found = []
    for record in gzip.decompress(path.read_bytes()).split(b"WARC/1.")[1:]:
        head, _, rest = record.partition(b"\r\n\r\n")
        if b"response" in head:
            http, _, body = rest.partition(b"\r\n\r\n")
            if b"text/html" in http.lower():
                found.append(body.decode("utf-8", "replace").strip())
    return found[:limit]


def compare(rows: Sequence[tuple[str, str | None, bool]], theirs: Sequence[Mapping[str, object]]) -> None:
    """Print in how many documents values and decisions agree."""
    ours = our_values(rows)
    pairs = list(zip(ours, theirs, strict=True))
    print(f"{len(rows)} documents")
    for column in (
        "num_lines",
        "has_xml_header",
        "longest_line",
        "mean_line_length",
        "alphanumeric_fraction",
    ):
        equal = sum(is_close(our[column], their[column]) for our, their in pairs)
        print(f"  {column}: equal in {equal}")
    equal = sum(is_close(our["hex_word_fraction"], their["hex_word_fraction"], 1e-8) for our, their in pairs)
    print(f"  hex_word_fraction (to 8 digits): equal in {equal}")
    equal = sum(is_close(our["alphabetic_fraction"], their["alpha"]) for our, their in pairs)
    print(f"  alphabetic_fraction (Curator): equal in {equal}")
    print(
        f"  encoded data: same decision in {sum(is_encoded(our) == their['is_encoded'] for our, their in pairs)}"
    )
    drops = sum(bool(their["is_encoded"]) for their in theirs)
    print(f"    dropped by OpenCoder: {drops}")
    for lexer in sorted({row[1] for row in rows if row[1]}):
        chosen = [pair for row, pair in zip(rows, pairs, strict=True) if row[1] == lexer and row[0]]
        differences = [abs(our["comment_fraction"] - their["comment_fraction"]) for our, their in chosen]
        within = sum(difference <= 0.01 for difference in differences)
        same = sum(
            (0.01 <= our["comment_fraction"] <= 0.8) == (0.01 < their["comment_fraction"] < 0.8)
            for our, their in chosen
        )
        print(f"  comments, {lexer}: {len(chosen)} files, within 0.01 {within}, same decision {same}")
    chosen = [pair for row, pair in zip(rows, pairs, strict=True) if row[2] and row[0]]
    if chosen:
        same = within = 0
        for our, their in chosen:
            keep = our["num_visible_characters"] > 100 and our["visible_text_fraction"] > 0.2
            same += keep == (their["visible_text_fraction"] > 0.2)
            ratio = our["visible_text_fraction"] * (our["num_visible_characters"] > 100)
            within += is_close(ratio, float(their["visible_text_fraction"]), 0.01)
        print(f"  visible text: {len(chosen)} pages, within 0.01 {within}, same decision {same}")


def write_cases(python: str, sources: Path) -> None:
    """Write the cases that `tests/parity` holds us to."""
    rows = [(text, None, False) for text in TEXTS] + [(page, None, True) for page in PAGES]
    cases: list[dict[str, object]] = []
    measured = ["encoded_fraction", "longest_encoded_run"]
    for (text, _, is_page), values in zip(rows, tool_values(python, sources, rows), strict=True):
        expect = {
            name: values[name]
            for name in (
                "num_lines",
                "has_xml_header",
                "longest_line",
                "mean_line_length",
                "alphanumeric_fraction",
            )
        }
        if is_page:
            expect["visible_text_fraction"] = values["visible_text_fraction"]
        cases.append({"text": text, "expect": expect})
        cases.append({"text": text, "config": {"measure": measured}, "keep": not values["is_encoded"]})
    how = "bench/parity/code_filters.py: the tools' own functions; lines and shares by Dolma, encoded data by OpenCoder"
    head = {"tool": "StarCoder, Dolma, NeMo Curator, OpenCoder", "how": how}
    lines = ",\n".join(" " + json.dumps(case, ensure_ascii=False) for case in cases)
    CASES.write_text(json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n", encoding="utf-8")
    print(f"{len(cases)} cases in {CASES}")


def main() -> None:
    """Compare, or write cases."""
    if sys.argv[1:2] == ["--tool"]:
        tool_main(Path(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool_python")
    parser.add_argument("sources", type=Path)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--write-cases", action="store_true")
    given = parser.parse_args()
    if given.write_cases:
        write_cases(given.tool_python, given.sources)
        return
    import pyarrow.parquet as pq

    documents = pq.read_table(given.corpus / "code-and-licences.parquet").to_pylist()
    rows = [(row["text"], LEXERS.get(row["url"].rpartition(".")[2]), False) for row in documents]
    rows += [(page, None, True) for page in pages(given.corpus / "web.warc.gz", 500)]
    compare(rows, tool_values(given.tool_python, given.sources, rows))


if __name__ == "__main__":
    main()
