"""In which shares sources stand in training: by temperature, by given shares, with caps, changing over time.

Not here: the choice of the next document, which is native. No numpy is needed to describe a mixture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gristmill.errors import GristmillError

_WHOLE_SHARE = 1 << 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """Shares from a point of the training on.

    Parameters
    ----------
    at
        Where it begins, as a fraction of the training's tokens, in [0, 1).
    shares
        Share of each source in the tokens, by name; they need not add up to 1, and a source that is not named has
        none. None: by temperature.
    temperature
        Where no shares are given: shares follow (tokens of the source) ** (1 / temperature), times its weight. 1 is
        as it comes, larger is more even, infinity is the same for all.

    Examples
    --------
    >>> Phase(at=0.8, shares={"books": 0.7, "web": 0.3}).shares["books"]
    0.7
    """

    at: float = 0.0
    shares: Mapping[str, float] | None = None
    temperature: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixing:
    """A mixture of sources, by tokens.

    The next document comes from the source whose tokens are furthest behind its share, so shares hold after any number
    of tokens but for what waits in the window. Each source has epochs of its own.

    Parameters
    ----------
    shares
        As in `Phase`, for the beginning.
    temperature
        As in `Phase`, for the beginning.
    max_epochs
        How often a source may be read, for all or by name; then it leaves, and the others take its share. None: as
        often as it takes.
    schedule
        Later phases, in order.

    Examples
    --------
    >>> mixing = Mixing(temperature=math.inf, max_epochs=4, schedule=(Phase(at=0.9, shares={"books": 1}),))
    >>> mixing.schedule[0].at
    0.9
    """

    shares: Mapping[str, float] | None = None
    temperature: float = 1.0
    max_epochs: float | Mapping[str, float] | None = None
    schedule: tuple[Phase, ...] = field(default=())

    def __post_init__(self) -> None:
        for phase in self.phases:
            _require(0 <= phase.at < 1, f"a phase begins at `{phase.at}`, which is not in [0, 1)")
            _require(phase.temperature >= 1, f"the temperature is `{phase.temperature}`, which is below 1")
            shares = {} if phase.shares is None else phase.shares
            for name, share in shares.items():
                _require(share >= 0 and math.isfinite(share), f"the share of `{name}` is `{share}`")
            _require(phase.shares is None or sum(shares.values()) > 0, "all shares of a phase are 0")
        starts = [phase.at for phase in self.phases]
        _require(starts == sorted(set(starts)), f"phases begin at `{starts}`, which is not in order")
        caps = self.max_epochs.values() if isinstance(self.max_epochs, Mapping) else [self.max_epochs]
        for cap in caps:
            _require(cap is None or (cap > 0 and math.isfinite(cap)), f"`max_epochs` is `{cap}`")

    @property
    def phases(self) -> tuple[Phase, ...]:
        """All phases, the first one included."""
        return (Phase(shares=self.shares, temperature=self.temperature), *self.schedule)

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Mixing:
        """Return the mixture that plain values describe, as in a recipe's `[train.mixing]`.

        Examples
        --------
        >>> Mixing.from_json({"temperature": 2.0, "schedule": [{"at": 0.5, "shares": {"web": 1}}]}).temperature
        2.0
        """
        schedule = value.get("schedule") or ()
        assert isinstance(schedule, Sequence), "a list of phases"
        rest = {name: found for name, found in value.items() if name != "schedule" and found is not None}
        phases = tuple(
            Phase(**{name: found for name, found in phase.items() if found is not None}) for phase in schedule
        )
        return cls(**rest, schedule=phases)  # type: ignore[arg-type]

    def resolve(
        self,
        sources: Sequence[str],
        *,
        documents: Sequence[int],
        tokens: Sequence[int],
        weights: Sequence[float],
        total_tokens: int | None,
    ) -> dict[str, object]:
        """Return the mixture in numbers, as the native plan takes it.

        Parameters
        ----------
        sources
            Names by position.
        documents, tokens
            How many each source has.
        weights
            Multiply shares that follow from a temperature.
        total_tokens
            Length of the training, to place the phases.

        Raises
        ------
        GristmillError
            ``GM-LOADER-007`` for names that are no source, phases without a length, and shares that leave nothing.

        Examples
        --------
        >>> found = Mixing(shares={"web": 3, "books": 1}).resolve(
        ...     ["web", "books"], documents=[5, 5], tokens=[50, 70], weights=[1.0, 1.0], total_tokens=None
        ... )
        >>> [share / 2**32 for share in found["phases"][0]["shares"]]
        [0.75, 0.25]
        """
        _require(
            not self.schedule or total_tokens is not None,
            "a schedule needs the length of the training, `total_tokens`",
        )
        phases = []
        for phase in self.phases:
            shares = _shares(phase, sources, tokens, weights)
            start = 0 if total_tokens is None else math.floor(phase.at * total_tokens)
            phases.append({"start_tokens": start, "shares": shares})
        return {"phases": phases, "max_documents": self._max_documents(sources, documents)}

    def _max_documents(self, sources: Sequence[str], documents: Sequence[int]) -> list[int | None]:
        caps = self.max_epochs
        if isinstance(caps, Mapping):
            _known(caps, sources)
            by_name = dict(caps)
        else:
            by_name = {} if caps is None else dict.fromkeys(sources, caps)
        return [
            math.ceil(by_name[name] * number) if name in by_name else None
            for name, number in zip(sources, documents, strict=True)
        ]


def _shares(
    phase: Phase, sources: Sequence[str], tokens: Sequence[int], weights: Sequence[float]
) -> list[int]:
    if phase.shares is not None:
        _known(phase.shares, sources)
        found = [phase.shares.get(name, 0.0) for name in sources]
    else:
        found = [
            weight * number ** (1 / phase.temperature) if number else 0.0
            for weight, number in zip(weights, tokens, strict=True)
        ]
    whole = sum(found)
    _require(whole > 0, "no source has a share in the mixture")
    # Whole numbers, so that no rounding of a sum differs between machines; a share above 0 stays above 0.
    return [max(1, round(share / whole * _WHOLE_SHARE)) if share > 0 else 0 for share in found]


def _known(names: Mapping[str, float], sources: Sequence[str]) -> None:
    for name in names:
        _require(name in sources, f"the mixture names `{name}`, which is no source of these shards")


def _require(is_right: bool, message: str) -> None:
    if not is_right:
        raise GristmillError("GM-LOADER-007", message)


def unimax(tokens: Mapping[str, int], *, total_tokens: int, max_epochs: float = 4.0) -> dict[str, float]:
    """Return shares that are as even as a cap on epochs allows (UniMax, Chung et al. 2023), constant over a training.

    With ``Mixing(temperature=inf, max_epochs=4)`` a small source stands in its full share until it was read four times,
    then leaves. These shares spread its four epochs over the whole training instead.

    Parameters
    ----------
    tokens
        Tokens of each source.
    total_tokens
        Length of the training.
    max_epochs
        How often a source is read at most.

    Examples
    --------
    >>> unimax({"web": 1000, "books": 10}, total_tokens=400)
    {'web': 0.9, 'books': 0.1}
    """
    left, shares = float(total_tokens), {}
    smallest_first = sorted(tokens, key=lambda name: (tokens[name], name))
    for number, name in enumerate(smallest_first):
        shares[name] = min(left / (len(tokens) - number), max_epochs * tokens[name])
        left -= shares[name]
    whole = sum(shares.values())
    _require(whole > 0, "no source has a token")
    return {name: shares[name] / whole for name in tokens}
