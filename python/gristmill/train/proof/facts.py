"""What a run says about its shards: counts, the shape of turns, the tokenizer and its control tokens."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

from gristmill import _native
from gristmill.errors import GristmillError
from gristmill.shards import Shards, digest_file
from gristmill.train.files import read_json

Json = Mapping[str, object]


@dataclass(frozen=True, kw_only=True, slots=True)
class Turns:
    """What the manifest says of answers: see `supervised.chat.turns` there."""

    header: str
    leads: tuple[str, ...]
    stop: str


class TokenizerFacts:
    """A `tokenizer.json` as proofs need it.

    Parameters
    ----------
    path
        The file.
    mode
        How shards treat control tokens in texts: their `tokenizer_mode`.
    """

    def __init__(self, path: Path, mode: str) -> None:
        self.path = path
        self._session = _native.Session()
        self._decoder = _native.Decoder(path, self._session)
        special: object = {"allow": json.loads(mode)} if mode.startswith("[") else mode
        self._special = json.dumps(special)

    @cached_property
    def _encoder(self) -> _native.Tokenizer:
        return _native.Tokenizer(self.path, self._special, self._session)

    def decode(self, ids: list[int]) -> str:
        """Return the text of ids, control tokens written out."""
        return self._decoder.decode(ids, self._session)

    def as_read_back(self, text: str) -> str:
        """Return a text as this tokenizer gives it back: normalised, unknown characters replaced."""
        import pyarrow as pa

        ids = self._encoder.encode_batch(pa.array([text], pa.large_string()), self._session)
        return self.decode(ids[0].as_py())

    @cached_property
    def control_ids(self) -> dict[str, int]:
        """Ids of the control tokens by their text; empty for a file of another kind than `tokenizer.json`."""
        content = read_json(self.path) or {}
        added = content.get("added_tokens")
        tokens = cast("list[dict[str, object]]", added if isinstance(added, list) else [])
        return {str(one["content"]): int(str(one["id"])) for one in tokens if one.get("special")}

    @cached_property
    def padding_id(self) -> int | None:
        """The id that the files beside the tokenizer name for padding, None where they name none."""
        content = read_json(self.path) or {}
        known = {
            str(one["content"]): int(str(one["id"]))
            for one in cast("list[dict[str, object]]", content.get("added_tokens") or [])
        }
        for name in ("tokenizer_config.json", "special_tokens_map.json"):
            token = (read_json(self.path.parent / name) or {}).get("pad_token")
            text = token.get("content") if isinstance(token, Mapping) else token
            if isinstance(text, str):
                return known.get(text)
        return None


class RunFacts:
    """What the files of a finished run say about one of its splits.

    Parameters
    ----------
    run
        The run folder.
    shards
        The split.
    tokenizer
        A tokenizer's file or folder to try first; the run's plan names another. One counts only with the digest that
        the shards name.
    """

    def __init__(self, run: Path, shards: Shards, tokenizer: Path | None) -> None:
        self.run, self.shards = run, shards
        self.manifest = read_json(run / "manifest.json") or {}
        self._given = tokenizer

    @property
    def _supervised(self) -> Json:
        return _table(self.manifest.get("supervised"))

    @property
    def _chat(self) -> Json:
        return _table(self._supervised.get("chat"))

    @property
    def train_on(self) -> str | None:
        """``assistant``, ``last`` or ``all``; None for a run without conversations."""
        found = self._chat.get("train_on")
        return None if found is None else str(found)

    @property
    def end_of_text(self) -> tuple[int, ...]:
        """Ids that curation put behind each text; empty for none."""
        found = _table(self.manifest.get("tokenizer")).get("end_of_text")
        return tuple(int(one) for one in found) if isinstance(found, list) else ()

    @property
    def max_tokens(self) -> int | None:
        """The longest row that curation makes; None for no limit."""
        found = self._supervised.get("max_tokens")
        return found if isinstance(found, int) else None

    @property
    def turns(self) -> Turns | None:
        """What stands around answers, where the manifest says it."""
        found = _table(self._chat.get("turns"))
        if not found:
            return None
        leads = tuple(str(lead) for lead in cast("list[str]", found["leads"]))
        return Turns(header=str(found["header"]), leads=leads, stop=str(found["stop"]))

    def counted(self) -> dict[str, int]:
        """Return what the manifest counts of the split: ``tokens``, and of conversations ``trained``, ``lost``."""
        split = self.shards.split
        tokens = _table(_table(_table(self.manifest.get("counts")).get("tokens")).get(split))
        supervised = _table(_table(self._supervised.get("splits")).get(split))
        found = {
            "tokens": tokens.get("tokens"),
            "trained": supervised.get("trained_tokens") if self.train_on in ("assistant", "last") else None,
            "lost": supervised.get("lost_tokens"),
        }
        return {name: number for name, number in found.items() if isinstance(number, int)}

    @cached_property
    def tokenizer(self) -> TokenizerFacts | None:
        """The tokenizer of the shards, None where no file with its digest is at hand."""
        digest, mode = self.shards.metadata.tokenizer_digest, self.shards.metadata.tokenizer_mode
        planned = (read_json(self.run / "plan.json") or {}).get("tokenizer_path")
        for path in (self._given, None if planned is None else Path(str(planned))):
            file = None if path is None else path / "tokenizer.json" if path.is_dir() else path
            if file is None or not file.is_file():
                continue
            try:
                if digest_file(file, "blake3") == digest:
                    return TokenizerFacts(file, mode)
            except GristmillError:
                # A file that cannot be read as a tokenizer proves nothing; curation has its own errors for it.
                continue
        return None

    @cached_property
    def sources(self) -> dict[str, Json]:
        """The recipe's sources by name, as the run keeps them; empty without `recipe.toml`."""
        try:
            recipe = tomllib.loads((self.run / "recipe.toml").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(source["name"]): source for source in recipe.get("source", [])}

    def document_files(self) -> list[Path]:
        """Return the files of `documents/`, as the manifest lists them."""
        files = cast("list[Json]", self.manifest.get("files") or [])
        names = (str(file["path"]) for file in files)
        return [self.run / name for name in names if name.startswith("documents/")]


def _table(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}
