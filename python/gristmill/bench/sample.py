"""The documents that are measured: the user's own, or made up from words of several languages, the same everywhere.

Made-up documents draw words as often as a small corpus has them, in sentences and paragraphs; a fifth is in other
scripts; one in twelve is a copy of an earlier one, and one in twelve nearly one. They are no model of the web: speeds
on documents of one's own are worth more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from gristmill.errors import GristmillError

STARTER = Path(__file__).parents[1] / "cli" / "starter"
SCRIPTS = {
    "Cyrillic": "и в не на что он с как это по но они мы за весь год человек время рука дело жизнь день город вода дом",
    "Greek": "και το να του η της με που την από για τα είναι στο θα οι δεν τον ένα σε νερό μέρα σπίτι άνθρωπος πόλη",
    "Arabic": "في من على أن إلى هذا التي عن مع كان ما لا كل بعد بين قد لم يوم عام ماء بيت مدينة رجل حياة كتاب",
    "Devanagari": "के में की है से का को और यह पर कि भी एक नहीं हो तो ही था कर ने पानी दिन घर शहर आदमी",
    "Han": "的 一 是 不 了 在 人 有 我 他 这 中 大 来 上 国 个 到 说 们 为 子 和 你 地 水 日 家 城",
}
ENDS = {"Devanagari": "।", "Han": "。"}
OTHER_SCRIPTS = 5
"""One document in so many is in another script."""
COPIES = 12
"""One document in so many is a copy, and one nearly a copy, of an earlier one."""
NEW_WORDS = 6
"""One word in so many is put together from two."""
PARTS_PER_CORE = 2
LONGEST_TEXT = 200_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Documents in a folder, in the two forms that are measured.

    Parameters
    ----------
    texts
        An Arrow file with a column `text`, in batches of about 512 KiB.
    files
        The same documents as `.jsonl.zst`, with their other fields.
    num_documents, num_bytes
        Documents, and bytes of their texts in UTF-8.
    description
        Where they are from.
    """

    texts: Path
    files: tuple[Path, ...]
    num_documents: int
    num_bytes: int
    description: str


class _Chance:
    """A small generator of numbers: the same on every machine and in every version of Python."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def below(self, limit: int) -> int:
        """Return a number from 0 to `limit` - 1."""
        self._state = (self._state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        return (self._state >> 33) % limit


def made_up(max_bytes: int, *, seed: int = 7) -> Iterator[dict[str, object]]:
    """Yield documents until their texts have so many bytes.

    Examples
    --------
    >>> rows = list(made_up(20_000))
    >>> rows == list(made_up(20_000)), len({row["lang"] for row in rows}) > 1
    (True, True)
    """
    chance = _Chance(seed)
    words = {path.stem: _words_in(path) for path in sorted((STARTER / "corpus").glob("*.jsonl"))}
    # Three in four in English, which most published rules are made for.
    latin = [*sorted(words), "letters", "letters"]
    others = {name: _by_rank(text.split()) for name, text in SCRIPTS.items()}
    texts: list[tuple[str, str]] = []
    num_bytes = number = 0
    while num_bytes < max_bytes:
        kind = chance.below(COPIES)
        if kind < 2 and len(texts) > COPIES:
            language, text = texts[chance.below(len(texts))]
            if kind:
                text += "\n" + _sentence(chance, words.get(language) or others[language], language)
        else:
            is_other = chance.below(OTHER_SCRIPTS) == 0
            names = sorted(others) if is_other else latin
            language = names[chance.below(len(names))]
            text = _text(chance, others[language] if is_other else words[language], language)
            texts.append((language, text))
        yield {"id": f"made-{number}", "lang": language, "text": text}
        number += 1
        num_bytes += len(text.encode())


def _words_in(path: Path) -> list[str]:
    """Return the words of a corpus, as often as they stand there, without what is no word."""
    from gristmill.curate.tables import read

    # One line of that corpus is broken on purpose.
    texts = [text for batch in read(path) for text in batch.column("text").to_pylist() if text is not None]
    words = (word.strip('.,;:!?"()') for text in texts for word in text.split())
    return [word for word in words if word.isalpha()]


def _by_rank(words: Sequence[str]) -> list[str]:
    """Return words so that the one of rank k is there about 1/k as often as the first, as Zipf's law has it."""
    return [word for rank, word in enumerate(words, start=1) for _ in range(max(1, 60 // rank))]


def _text(chance: _Chance, words: Sequence[str], language: str) -> str:
    paragraphs = []
    for _ in range(2 + chance.below(5)):
        sentences = [_sentence(chance, words, language) for _ in range(2 + chance.below(5))]
        paragraphs.append(" ".join(sentences))
    return "\n".join(paragraphs)


def _word(chance: _Chance, words: Sequence[str]) -> str:
    """Return a word, now and then a new one from the halves of two: a corpus never runs out of new words."""
    word = words[chance.below(len(words))]
    if chance.below(NEW_WORDS):
        return word
    other = words[chance.below(len(words))]
    return word[: len(word) // 2 + 1] + other[len(other) // 2 :]


def _sentence(chance: _Chance, words: Sequence[str], language: str) -> str:
    drawn = [_word(chance, words) for _ in range(6 + chance.below(16))]
    text = ("" if language == "Han" else " ").join(drawn)
    return text[:1].upper() + text[1:] + ENDS.get(language, ".")


def own(
    paths: Sequence[str | Path], max_bytes: int, *, text: str = "text", id_: str | None = None
) -> Iterator[dict[str, object]]:
    """Yield the user's documents with their other fields, from all files in turn, until their texts have so many bytes.

    Unreadable records and texts beyond 200,000 characters are left out.
    """
    from gristmill.curate.inputs import expand
    from gristmill.curate.tables import read

    files = [file for path in paths for file in (expand(Path(path).absolute()) or [Path(path)])]
    share = -(-max_bytes // max(1, len(files)))
    for file in files:
        taken = 0
        for batch in read(file, text=text, id=id_):
            for row in batch.select(["id", "text", "metadata"]).to_pylist():
                if row["text"] is None or len(row["text"]) > LONGEST_TEXT:
                    continue
                fields = json.loads(row["metadata"] or "{}")
                yield {**fields, **({"id": row["id"]} if row["id"] is not None else {}), "text": row["text"]}
                taken += len(row["text"].encode())
                if taken >= share:
                    break
            if taken >= share:
                break


def write_sample(
    rows: Iterator[dict[str, object]], folder: Path, description: str, *, num_parts: int
) -> Sample:
    """Write documents into a folder.

    Raises
    ------
    GristmillError
        ``GM-BENCH-001`` when there is none.
    """
    batch_bytes = 1 << 19
    texts_path = folder / "texts.arrow"
    files = tuple(folder / f"documents-{number:03d}.jsonl.zst" for number in range(num_parts))
    outputs = [pa.CompressedOutputStream(str(path), "zstd") for path in files]
    schema = pa.schema({"text": pa.large_utf8()})
    held: list[str] = []
    held_bytes = num_documents = num_bytes = 0
    with pa.OSFile(str(texts_path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for number, row in enumerate(rows):
            outputs[number % num_parts].write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            text = str(row["text"])
            held.append(text)
            size = len(text.encode())
            held_bytes, num_bytes, num_documents = held_bytes + size, num_bytes + size, num_documents + 1
            if held_bytes >= batch_bytes:
                writer.write_batch(pa.record_batch([pa.array(held, pa.large_utf8())], schema=schema))
                held, held_bytes = [], 0
        if held:
            writer.write_batch(pa.record_batch([pa.array(held, pa.large_utf8())], schema=schema))
    for output in outputs:
        output.close()
    if not num_documents:
        raise GristmillError(
            "GM-BENCH-001",
            "there is no document to measure with",
            hint="`--input` names files with texts; without it documents are made up",
        )
    return Sample(
        texts=texts_path,
        files=files,
        num_documents=num_documents,
        num_bytes=num_bytes,
        description=description,
    )
