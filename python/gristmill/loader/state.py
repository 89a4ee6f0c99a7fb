"""Where a loader stands, as plain values: enough to go on, with any number of ranks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from gristmill.errors import GristmillError
from gristmill.shards import Shards

STATE_VERSION = 2
"""Version of the form, and of the order of documents that it relies on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoaderState:
    """Everything that decides which rows come next, beside the tokens.

    It belongs to the global sequence of rows, not to a rank: one state serves any number of ranks. Size: the window of
    at most 1,000 pieces as numbers, about 30 kB as JSON, however many documents there are.

    Parameters
    ----------
    shards
        Digest of the shards it belongs to.
    settings
        What else decides the rows: seed, length of rows, weights, mixture.
    plan
        Position of every stream, what waits, the counts so far.

    Examples
    --------
    >>> state = LoaderState(shards="sha256:00", settings={"seed": 1}, plan={"ledger": {"rows": 7}})
    >>> state.rows
    7
    """

    shards: str
    settings: Mapping[str, object]
    plan: Mapping[str, object]

    @property
    def rows(self) -> int:
        """Rows of the global sequence that lie before it."""
        ledger = self.plan["ledger"]
        assert isinstance(ledger, Mapping), "checked where it was made"
        return int(ledger["rows"])

    def to_json(self) -> dict[str, object]:
        """Return the state as plain values.

        Examples
        --------
        >>> state = LoaderState(shards="sha256:00", settings={}, plan={"ledger": {"rows": 0}})
        >>> LoaderState.from_json(state.to_json()) == state
        True
        """
        return {
            "version": STATE_VERSION,
            "shards": self.shards,
            "settings": dict(self.settings),
            "plan": dict(self.plan),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> LoaderState:
        """Return the state that `to_json` gave.

        Raises
        ------
        GristmillError
            ``GM-LOADER-006`` for a state of another version, ``GM-LOADER-002`` when something is missing.
        """
        version = value.get("version", 1)
        if version != STATE_VERSION:
            raise GristmillError(
                "GM-LOADER-006",
                f"the loader state has version `{version}`, this gristmill reads `{STATE_VERSION}`",
                hint="continue with the gristmill that wrote it, or begin anew",
            )
        shards, settings, plan = (value.get(name) for name in ("shards", "settings", "plan"))
        is_whole = (
            isinstance(settings, Mapping)
            and isinstance(plan, Mapping)
            and isinstance(plan.get("ledger"), Mapping)
            and isinstance(plan["ledger"].get("rows"), int)
        )
        if not is_whole:
            raise GristmillError("GM-LOADER-002", "a loader state lacks `settings`, `plan` or its ledger")
        assert isinstance(settings, Mapping), "just checked"
        assert isinstance(plan, Mapping), "just checked"
        return cls(shards=str(shards), settings=dict(settings), plan=dict(plan))

    def check(self, shards: str, settings: Mapping[str, object]) -> None:
        """Raise ``GM-LOADER-002`` unless the state belongs to these shards and settings.

        Examples
        --------
        >>> LoaderState(shards="sha256:00", settings={"seed": 1}, plan={}).check("sha256:00", {"seed": 1})
        """
        if self.shards != shards:
            raise GristmillError("GM-LOADER-002", f"the state belongs to other shards, `{self.shards}`")
        for name, value in settings.items():
            if self.settings.get(name) != value:
                raise GristmillError(
                    "GM-LOADER-002",
                    f"the state has `{name}` `{self.settings.get(name)}`, this loader `{value}`",
                )


def digest_of(shards: Shards) -> str:
    """Return one digest for all files of a split, from those in its manifest."""
    files = [[file.path, file.num_documents, file.digest] for file in shards.manifest.files]
    return f"sha256:{hashlib.sha256(json.dumps(files).encode()).hexdigest()}"
