"""An operator made ready by a recipe step: configuration, thresholds, declared columns and a fingerprint.

Not here: finding and importing plugins (`manager`), running them (`host`).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypedDict

from gristmill.errors import GristmillError
from gristmill.plugins.config import canonical_config, config_fields, parse_config, unknown_key
from gristmill.plugins.containment import CONTAINMENT_KEYS, Containment, parse_containment
from gristmill.plugins.deciders import GROUP
from gristmill.plugins.hookspecs import API_MAJOR
from gristmill.plugins.operators import Operator, Output, work_method

OnError = Literal["quarantine", "null", "fail"]
RESERVED_KEYS = ("use", "name", "semantics", "where", "on_error", "by", *CONTAINMENT_KEYS)


class Threshold(TypedDict):
    """A threshold as data: a value passes if it stands in relation `keep` to `threshold`; null passes."""

    rule: str
    column: str
    keep: str
    threshold: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered:
    """An operator class that passed registration, with the plugin it came from."""

    namespace: str
    kind: str
    operator: type[Operator]
    distribution: str | None
    distribution_version: str | None
    source: str | None
    """Hash of the plugin's files if they can change under one version, else None."""

    @property
    def full_name(self) -> str:
        """The recipe's name of the operator."""
        return f"{self.namespace}.{self.operator.name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ActiveOperator:
    """One plugin step of a recipe, ready to run.

    Parameters
    ----------
    use
        Full name, ``<namespace>.<operator>``.
    step
        The step's name: the recipe's `name`, else `use`. Columns are called ``<step>.<output>`` by the
        engine.
    outputs
        Declared columns by name; for a filter one, ``keep``; empty for transforms and readers.
    thresholds
        What the recipe's `min` and `max` keys mean, and for a filter its predicate.
    fingerprint
        Hex; changes whenever results may change. Thresholds, `on_error` and `containment` are not in it.
    containment
        How the host keeps it away from the run.
    """

    use: str
    step: str
    kind: str
    tier: int
    method: str
    instance: Operator
    version: int
    distribution: str | None
    distribution_version: str | None
    config: Mapping[str, object]
    inputs: tuple[str, ...]
    outputs: Mapping[str, Output]
    thresholds: tuple[Threshold, ...]
    on_error: OnError
    scope: str
    deterministic: bool
    reason: str | None
    fingerprint: str
    containment: Containment = field(default_factory=Containment)

    @property
    def required_columns(self) -> tuple[str, ...]:
        """The columns of documents besides ``text`` that a batch must have."""
        group = {GROUP} if self.kind == "decider" else set()
        return tuple(name for name in self.inputs if name not in {"text", *group})

    def describe(self) -> dict[str, object]:
        """Return the step as plain JSON values; `PluginManager.rebuild` reads them back."""
        return {
            "use": self.use,
            "step": self.step,
            "kind": self.kind,
            "tier": self.tier,
            "api": API_MAJOR,
            "version": self.version,
            "distribution": self.distribution,
            "distribution_version": self.distribution_version,
            "config": dict(self.config),
            "inputs": list(self.inputs),
            "outputs": {name: output.describe() for name, output in self.outputs.items()},
            "thresholds": [dict(threshold) for threshold in self.thresholds],
            "on_error": self.on_error,
            "deterministic": self.deterministic,
            "fingerprint": self.fingerprint,
            # A reader stays as it was described: its description is part of a plan's identity.
            **({} if self.kind == "reader" else {"containment": self.containment.describe()}),
        }


def outputs_of(operator: type[Operator]) -> dict[str, Output]:
    """Return the declared outputs of an operator class by name; empty for transforms and readers."""
    declared: Mapping[str, str | Output] = getattr(operator, "outputs", {})
    return {name: Output.parse(output) for name, output in declared.items()}


def activate(registered: Registered, step: Mapping[str, object]) -> ActiveOperator:
    """Return the operator that a recipe step asks for.

    Parameters
    ----------
    registered
        The operator class.
    step
        The recipe's table, ``use`` and other reserved keys included.

    Raises
    ------
    GristmillError
        GM-PLUGIN-008, -009 or -010 for keys and values that do not fit.
    """
    use, operator = registered.full_name, registered.operator
    outputs = outputs_of(operator)
    keys = {key: value for key, value in step.items() if key not in RESERVED_KEYS}
    thresholds: list[Threshold] = []
    settings: dict[str, object] = {}
    for key, value in keys.items():
        if key in config_fields(operator.Config):
            settings[key] = value
        elif is_threshold_key(key, outputs):
            thresholds.append(_threshold(use, key, value, outputs))
        else:
            known = [*config_fields(operator.Config), *threshold_keys(outputs)]
            raise unknown_key(key, known, operator=use)
    if registered.kind == "filter":
        thresholds = [Threshold(rule=operator.name, column="keep", keep="==", threshold=1.0)]
    method, tier = work_method(operator)
    config = parse_config(operator.Config, settings, operator=use)
    instance = _construct(registered, config)
    plain = canonical_config(config)
    return ActiveOperator(
        use=use,
        step=_step_name(step, use),
        kind=registered.kind,
        tier=tier,
        method=method,
        instance=instance,
        version=operator.version,
        distribution=registered.distribution,
        distribution_version=registered.distribution_version,
        config=plain,
        inputs=() if registered.kind == "reader" else inputs_of(operator),
        outputs=outputs,
        thresholds=tuple(sorted(thresholds, key=lambda item: list(outputs).index(item["column"]))),
        on_error=_on_error(step, use),
        scope=operator.scope,
        deterministic=operator.deterministic,
        reason=getattr(operator, "reason", None),
        fingerprint=fingerprint(registered, plain),
        containment=Containment() if registered.kind == "reader" else parse_containment(operator, step, use),
    )


def inputs_of(operator: type[Operator]) -> tuple[str, ...]:
    """Return the columns of a batch for the operator: its inputs, and for a decider what its rows are grouped by."""
    return (*((GROUP,) if operator.kind == "decider" else ()), *operator.inputs)


def fingerprint(registered: Registered, config: Mapping[str, object]) -> str:
    """Return BLAKE2 over canonical JSON of all that decides results: no path, time or host."""
    operator = registered.operator
    parts = {
        "api": API_MAJOR,
        "name": registered.full_name,
        "version": operator.version,
        "distribution": registered.distribution,
        "distribution_version": registered.distribution_version,
        "config": dict(config),
        "inputs": list(operator.inputs),
        "outputs": {name: output.describe() for name, output in outputs_of(operator).items()},
        "source": registered.source,
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def threshold_keys(outputs: Mapping[str, Output]) -> list[str]:
    """Return the threshold keys that a recipe may give for these outputs.

    Examples
    --------
    >>> threshold_keys({"share": Output(type="float32")})
    ['min', 'max', 'min_share', 'max_share']
    """
    numeric = [name for name, output in outputs.items() if _is_numeric(output)]
    short = ["min", "max"] if len(outputs) == 1 and numeric else []
    return short + [f"{side}_{name}" for name in numeric for side in ("min", "max")]


def is_threshold_key(key: str, outputs: Mapping[str, Output]) -> bool:
    """Say whether a key is meant as a threshold on one of these outputs, valid or not."""
    if key in ("min", "max"):
        return bool(outputs)
    return key[:4] in ("min_", "max_") and key[4:] in outputs


def _threshold(use: str, key: str, value: object, outputs: Mapping[str, Output]) -> Threshold:
    known = threshold_keys(outputs)
    if key not in known:
        listing = ", ".join(f"`{name}`" for name in known) or "none"
        raise GristmillError(
            "GM-PLUGIN-010", f"`{use}` has no threshold `{key}`", context=(f"threshold keys: {listing}",)
        )
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise GristmillError(
            "GM-PLUGIN-010", f"`{use}`: threshold `{key}` must be a finite number, not `{value}`"
        )
    column = next(iter(outputs)) if key in ("min", "max") else key[4:]
    return Threshold(
        rule=column, column=column, keep=">=" if key.startswith("min") else "<=", threshold=float(value)
    )


def _is_numeric(output: Output) -> bool:
    return output.type not in ("bool", "utf8")


def _construct(registered: Registered, config: object) -> Operator:
    try:
        return registered.operator(config)
    except Exception as error:
        raise GristmillError(
            "GM-PLUGIN-009",
            f"`{registered.full_name}` refuses its configuration: {type(error).__name__}: {error}",
        ) from error


def _step_name(step: Mapping[str, object], use: str) -> str:
    name = step.get("name") or use
    if not isinstance(name, str):
        raise GristmillError("GM-PLUGIN-009", f"`{use}`: key `name` must be a string, not `{name}`")
    return name


def _on_error(step: Mapping[str, object], use: str) -> OnError:
    value = step.get("on_error", "quarantine")
    if value not in ("quarantine", "null", "fail"):
        raise GristmillError(
            "GM-PLUGIN-009", f"`{use}`: key `on_error` must be `quarantine`, `null` or `fail`, not `{value}`"
        )
    return value
