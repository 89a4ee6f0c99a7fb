"""How `url_filter` agrees with datatrove's `URLFilter`, which is run as it is installed, with the lists that it brings.

    python bench/parity/url_filter.py TOOL_PYTHON CORPUS [--write-cases]

Run with gristmill's Python. TOOL_PYTHON has datatrove with its extras for this filter (tldextract, pyahocorasick); no
network is needed: tldextract's own snapshot of the public suffix list is used. CORPUS is a folder with
`documents-*.jsonl.zst`; its addresses, and addresses made from the lists, are compared.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

CASES = Path(__file__).parents[2] / "tests/parity/cases/url_filter.json"
OWN = {
    "domains": ["bad.example.com", "worse.co.uk", "sub.mixed.org", "1.2.3.4"],
    "urls": ["https://fine.com/~bad"],
    "hard_words": ["casino"],
    "soft_words": ["poker", "bet", "spin"],
    "sub_words": ["freeslots"],
}
URLS = (
    "https://fine.com/",
    "https://bad.example.com/x",
    "https://worse.co.uk/",
    "http://www.worse.co.uk/page?id=3",
    "http://a.b.worse.co.uk:8080/",
    "https://notworse.co.uk/",
    "http://sub.mixed.org/",
    "http://mixed.org/",
    "https://fine.com/~bad",
    "https://fine.com/best-casino",
    "https://fine.com/casinos",
    "https://fine.com/poker",
    "https://fine.com/poker/bet",
    "https://fine.com/poker/poker/poker",
    "https://fine.com/poker+bet+spin",
    "https://fine.com/free-slots24",
    "https://freeslots.fine.com/",
    "https://fine.com/?q=free%20slots",
)


def tool_main() -> None:
    """Print datatrove's reason for every address of standard input, after a line that says where its lists are."""
    import functools

    import tldextract
    from datatrove.data import Document

    # The snapshot that comes with the package.
    tldextract.TLDExtract = functools.partial(tldextract.TLDExtract, suffix_list_urls=())
    from datatrove.pipeline.filters.url_filter import URLFilter
    from datatrove.utils._import_utils import ASSETS_PATH

    own = json.loads(sys.stdin.readline())
    if own:
        chosen = URLFilter(
            use_integrated_lists=False,
            extra_domains=own["domains"],
            extra_urls=own["urls"],
            banned_words=own["hard_words"],
            banned_subwords=own["sub_words"],
            soft_banned_words=own["soft_words"],
        )
    else:
        chosen = URLFilter()
        chosen.download_data()
    folder = ""
    if not own:
        from huggingface_hub import cached_assets_path

        folder = str(
            cached_assets_path(library_name="datatrove", namespace="filters", subfolder="url_filter")
        )
    print(json.dumps({"assets": str(ASSETS_PATH), "lists": folder}))
    for line in sys.stdin:
        found = chosen.filter(Document(text="x", id="0", metadata={"url": json.loads(line)}))
        print(json.dumps(None if found is True else found[1]))


def tool_reasons(
    python: str, own: Mapping[str, object] | None, urls: Sequence[str]
) -> tuple[dict[str, str], list[str | None]]:
    """Return where datatrove's lists are, and why it drops each address, or None."""
    # -P: a script beside this one has the name of the package.
    lines = "\n".join(json.dumps(line) for line in [own, *urls]) + "\n"
    output = subprocess.run(
        [python, "-P", __file__, "--tool"], input=lines, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    head, *reasons = [json.loads(line) for line in output.splitlines() if line.startswith(("{", '"', "null"))]
    return head, reasons


def our_reasons(config: Mapping[str, object], urls: Sequence[str]) -> list[str | None]:
    """Return why the rule drops each address, or None."""
    import pyarrow as pa

    import gristmill

    table = pa.table({"text": ["x"] * len(urls), "url": list(urls)})
    found = gristmill.signals(table, [{"use": "url_filter", **config}])
    return found["url_filter.reason"].to_pylist()


def compare(python: str, corpus: Path) -> None:
    """Print how decisions agree, with the lists that datatrove brings."""
    import pyarrow as pa

    urls: list[str] = []
    for file in sorted(corpus.glob("documents-*.jsonl.zst")):
        with pa.input_stream(str(file), compression="zstd") as stream:
            urls += [json.loads(line).get("url") or "" for line in stream.read().splitlines()]
    urls = [url for url in urls if url]
    num_real = len(urls)
    head, _ = tool_reasons(python, None, [])
    lists, assets = Path(head["lists"]), Path(head["assets"])
    generator = random.Random(1)
    listed = (lists / "domains").read_text(encoding="utf-8").split("\n")
    paths = ("", "/", "/index.html", "/a/b?c=d")
    for prefix in ("https://", "http://www.", "http://cdn."):
        urls += [
            f"{prefix}{name}{generator.choice(paths)}" for name in generator.sample(listed, 1000) if name
        ]
    addresses = (lists / "urls").read_text(encoding="utf-8").split("\n")
    urls += [f"http://{name}" for name in generator.sample(addresses, 1000) if name]
    config = {
        "domain_lists": [str(lists / "domains")],
        "url_lists": [str(lists / "urls")],
        "hard_word_lists": [str(assets / "banned_words.txt")],
        "soft_word_lists": [str(assets / "soft_banned_words.txt")],
        "sub_word_lists": [str(assets / "banned_subwords.txt")],
    }
    _, theirs = tool_reasons(python, None, urls)
    ours = our_reasons(config, urls)
    for name, part in (("of the corpus", slice(num_real)), ("made from the lists", slice(num_real, None))):
        pairs = list(zip(ours[part], theirs[part], strict=True))
        same = sum((our is None) == (their is None) for our, their in pairs)
        print(f"{len(pairs)} addresses {name}: same decision {same}")
        for (our, their), number in Counter(pairs).most_common():
            print(f"  {number:8d}  ours {our}, datatrove {their}")


def write_cases(python: str) -> None:
    """Write the cases that `tests/parity` holds us to."""
    _, reasons = tool_reasons(python, OWN, URLS)
    cases = [
        {"text": "Text.", "config": OWN, "columns": {"url": url}, "keep": reason is None}
        for url, reason in zip(URLS, reasons, strict=True)
    ]
    how = "bench/parity/url_filter.py: URLFilter.filter with own lists"
    head = {"tool": "datatrove 0.10.1", "how": how}
    lines = ",\n".join(" " + json.dumps(case, ensure_ascii=False) for case in cases)
    CASES.write_text(json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n", encoding="utf-8")
    print(f"{len(cases)} cases in {CASES}")


def main() -> None:
    """Compare, or write cases."""
    if sys.argv[1:2] == ["--tool"]:
        tool_main()
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tool_python")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--write-cases", action="store_true")
    given = parser.parse_args()
    if given.write_cases:
        write_cases(given.tool_python)
    else:
        compare(given.tool_python, given.corpus)


if __name__ == "__main__":
    main()
