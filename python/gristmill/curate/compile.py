"""From a recipe's steps to what the engine, the plugin host and the decide stage are told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gristmill import _native
from gristmill.curate.group_choices import Deciding
from gristmill.curate.other_uses import check_other_uses
from gristmill.curate.semantic import SemanticPlan, plan_semantic
from gristmill.curate.token_statistics import counting_tokenizer
from gristmill.errors import GristmillError
from gristmill.recipe import BuiltinStep, PluginStep, Recipe, Tokens, use_table
from gristmill.recipe.problems import nearest

if TYPE_CHECKING:
    from gristmill.plugins.active import ActiveOperator

NATIVE_FORMATS = ("jsonl", "parquet")


@dataclass(frozen=True, kw_only=True, slots=True)
class CompiledSteps:
    """The steps of a recipe, taken apart.

    Parameters
    ----------
    steps
        What the engine runs, in order; plugin steps say which columns go out and come back.
    plugins
        Descriptions of the plugin steps, for `PluginManager.rebuild`.
    readers
        Description of the plugin that reads a source's files, by source name.
    extractors
        Description of the plugin that makes a source's texts, by source name.
    plugins_dir
        Folder of single-file plugins.
    operators
        Name, version and origin of every operator, for lineage.
    thresholds
        Every threshold in step order, as the decide stage wants it.
    columns
        Fields to extract from every record: name and type.
    cuts
        Steps that cut spans out of texts, in order: `BuiltinStep.cut` and the step's name under ``step``.
    exact_step, near_step
        Names of the dedup steps, or None.
    exact_normalise
        What the exact step compares, as its key `normalise` says.
    minhash
        The engine's MinHash configuration, or None.
    min_similarity
        Similarity from which on near duplicates are removed; None without such a step, or without verification.
    measure
        Which similarity that is.
    max_cluster_fraction
        Largest share of the documents that one cluster may hold, or None.
    caveat
        What a reader of any result must know, or None.
    semantic
        The dedup step on embeddings, or None.
    """

    steps: tuple[Mapping[str, object], ...]
    plugins: tuple[Mapping[str, object], ...]
    readers: Mapping[str, Mapping[str, object]]
    extractors: Mapping[str, Mapping[str, object]]
    plugins_dir: Path | None
    operators: tuple[Mapping[str, object], ...]
    thresholds: tuple[Mapping[str, object], ...]
    columns: tuple[Mapping[str, str], ...]
    cuts: tuple[Mapping[str, object], ...]
    exact_step: str | None
    exact_normalise: str
    near_step: str | None
    minhash: Mapping[str, object] | None
    min_similarity: float | None
    measure: str
    max_cluster_fraction: float | None
    caveat: str | None
    semantic: SemanticPlan | None
    deciders: Mapping[str, Deciding] = field(default_factory=dict)
    """Operators that decide about groups, by step."""


def compile_steps(recipe: Recipe) -> CompiledSteps:
    """Return a recipe's steps for the engine. Imports the plugins that the recipe names, and only those.

    Raises
    ------
    GristmillError
        Whatever is wrong with a plugin or its keys.
    """
    active, readers, extractors = _activate(recipe)
    steps: list[Mapping[str, object]] = []
    operators: list[Mapping[str, object]] = []
    thresholds: list[Mapping[str, object]] = []
    columns = recipe.extracted_columns()
    made: list[str] = []
    deciders: dict[str, Deciding] = {}
    for step in recipe.steps:
        conditions = [{"column": name, "any_of": list(values)} for name, values in step.where.items()]
        if isinstance(step, PluginStep):
            operator = active[step.name]
            for name in operator.required_columns:
                if "." in name and name not in columns:
                    _refuse_unmade(name, step, made)
                elif not _is_given(name, step) and not recipe.is_signal_column(name):
                    columns.setdefault(name, "utf8")
            if step.is_choice:
                operators.append(_plugin_lineage(operator))
                deciders[step.name] = _deciding(operator)
                continue
            made += [f"{step.name}.{output}" for output in operator.outputs]
            steps.append(_plugin_step(step, operator, conditions))
            operators.append(_plugin_lineage(operator))
            thresholds += [
                _threshold(step.name, dict(threshold), conditions) for threshold in operator.thresholds
            ]
            continue
        made += [f"{step.name}.{column}" for column in step.made_columns()]
        operators.append({"step": step.name, "use": step.use, "version": step.version})
        if step.is_dedup or step.is_choice:
            continue
        steps.append({**engine_step(step, recipe.base, recipe.tokens), "where": conditions})
        thresholds += [
            _threshold(
                step.name,
                {
                    "rule": threshold.rule,
                    "column": threshold.column,
                    "keep": threshold.keep,
                    "threshold": threshold.threshold,
                },
                conditions,
            )
            for threshold in step.thresholds()
        ]
    near = recipe.minhash_dedup
    minhash = None
    if near is not None:
        minhash = {
            "bands": near.bands,
            "rows": near.rows,
            "seed": near.seed,
            "shingles": {"unit": near.shingles.unit, "size": near.shingles.size},
            "family": near.semantics,
        }
        if near.semantics == "datatrove":
            minhash["hash"] = {"function": near.hash_function, "precision": 64}
    return CompiledSteps(
        steps=tuple(steps),
        plugins=tuple(operator.describe() for step, operator in active.items() if step not in deciders),
        readers={name: reader.describe() for name, reader in readers.items()},
        extractors={name: extractor.describe() for name, extractor in extractors.items()},
        plugins_dir=recipe.plugins_dir,
        operators=(
            *operators,
            *(_plugin_lineage(reader) for reader in readers.values()),
            *(_plugin_lineage(extractor) for extractor in extractors.values()),
        ),
        thresholds=tuple(thresholds),
        columns=tuple({"name": name, "kind": kind} for name, kind in sorted(columns.items())),
        cuts=tuple({"step": step.name, **(step.cut() or {})} for step in recipe.cut_steps),
        exact_step=_name(recipe.exact_dedup),
        exact_normalise="none" if recipe.exact_dedup is None else recipe.exact_dedup.normalise,
        near_step=_name(near),
        minhash=minhash,
        min_similarity=None if near is None or not near.verify else near.min_similarity,
        measure="jaccard" if near is None else near.measure,
        max_cluster_fraction=None if near is None else near.max_cluster_fraction,
        caveat=None if near is None else near.caveat(),
        semantic=plan_semantic(recipe.semantic_dedup),
        deciders=deciders,
    )


def engine_step(step: BuiltinStep, base: Path, tokens: Tokens | None = None) -> dict[str, object]:
    """Return a built-in step as the engine takes it, for all documents.

    Parameters
    ----------
    step
        The step.
    base
        Where relative paths of its files start.
    tokens
        The recipe's section, if it has one: whose tokenizer a step counts with that names none.

    Raises
    ------
    GristmillError
        ``GM-PLAN-107`` when a list is not there; what `counting_tokenizer` says of a tokenizer.
    """
    described: dict[str, object] = {
        "name": step.name,
        "use": step.use,
        "where": [],
        "config": step.computing(),
    }
    made = step.made_columns()
    if len(made) < len(step.columns):
        described["columns"] = list(made)
    files = step.list_files(base)
    if files:
        described["files"] = {
            key: [_list_file(step.name, key, path) for path in paths] for key, paths in files.items()
        }
    tokenizer = counting_tokenizer(step, base, tokens)
    # The file and its mode stand for the keys that name them.
    return described if tokenizer is None else {**described, "config": {}, "tokenizer": tokenizer}


def _list_file(step: str, key: str, path: Path) -> dict[str, str]:
    """Return a list's name, place and digest: the digest is what a plan depends on."""
    try:
        _, digest = _native.digest_file(path, _native.Session())
    except GristmillError as error:
        raise GristmillError(
            "GM-PLAN-107", f"`{step}.{key}`: {error}", hint="relative paths start at the recipe's folder"
        ) from error
    return {"name": path.name, "path": str(path), "digest": digest}


def _name(step: BuiltinStep | None) -> str | None:
    return None if step is None else step.name


def _activate(
    recipe: Recipe,
) -> tuple[dict[str, ActiveOperator], dict[str, ActiveOperator], dict[str, ActiveOperator]]:
    """Load the plugins that steps and sources name."""
    formats = {
        source.name: source.format
        for source in recipe.sources
        if source.format is not None and source.format not in NATIVE_FORMATS
    }
    names = recipe.named_plugins
    if not names:
        return {}, {}, {}
    from gristmill.plugins.manager import PluginManager

    manager = PluginManager.load(names, plugins_dir=recipe.plugins_dir)
    active: dict[str, ActiveOperator] = {}
    for number, step in enumerate(recipe.steps, start=1):
        if isinstance(step, PluginStep):
            with _named_in(recipe, f"[[step]] number {number}"):
                active[step.name] = manager.activate(step.table())
    readers: dict[str, ActiveOperator] = {}
    extractors: dict[str, ActiveOperator] = {}
    for number, source in enumerate(recipe.sources, start=1):
        with _named_in(recipe, f"[[source]] number {number}"):
            if source.name in formats:
                readers[source.name] = manager.activate_reader(formats[source.name])
            if source.extract is not None:
                extractors[source.name] = manager.activate_as("extractor", use_table(source.extract))
    check_other_uses(recipe, manager)
    return active, readers, extractors


@contextmanager
def _named_in(recipe: Recipe, place: str) -> Iterator[None]:
    """Add to an error where in the recipe it comes from."""
    try:
        yield
    except GristmillError as error:
        where = place if recipe.path is None else f"{recipe.path}, {place}"
        raise GristmillError(
            error.code, error.message, hint=error.hint, context=(f"in {where}", *error.context)
        ) from error


def _plugin_step(
    step: PluginStep, operator: ActiveOperator, conditions: Sequence[Mapping[str, object]]
) -> dict[str, object]:
    return {
        "name": step.name,
        "use": "plugin",
        "where": list(conditions),
        "config": {
            "inputs": list(operator.inputs),
            "outputs": [{"name": name, "kind": output.type} for name, output in operator.outputs.items()],
            "edits_text": operator.kind == "transform",
        },
    }


def _deciding(operator: ActiveOperator) -> Deciding:
    from gristmill.plugins.deciders import GroupDecider

    assert isinstance(operator.instance, GroupDecider)
    return Deciding(description=operator.describe(), reasons=dict(operator.instance.reasons))


def _is_given(name: str, step: PluginStep) -> bool:
    """Say whether the engine has the column by itself, whatever the records hold."""
    from gristmill.plugins.operators import ENGINE_COLUMNS, SEGMENT_COLUMNS

    if name in SEGMENT_COLUMNS and step.is_choice:
        raise GristmillError(
            "GM-PLUGIN-017",
            f"`{step.use}` reads column `{name}`, which is there for signals and transforms only",
            hint="let it read `text`, or a column that a signal makes of it",
        )
    return name in ENGINE_COLUMNS or name in SEGMENT_COLUMNS


def _refuse_unmade(name: str, step: PluginStep, made: Sequence[str]) -> None:
    """Refuse a column of a step that is not among those before; records have no names with a dot."""
    if name in made:
        return
    close = nearest(name, made)
    raise GristmillError(
        "GM-PLUGIN-017",
        f"`{step.use}` reads column `{name}`, which no step before it makes",
        hint=f"did you mean `{close}`?" if close else "put the step that makes it before this one",
        context=(
            f"columns of steps before `{step.name}`: {', '.join(f'`{one}`' for one in made) or 'none'}",
        ),
    )


def _plugin_lineage(operator: ActiveOperator) -> dict[str, object]:
    return {
        "step": operator.step,
        "use": operator.use,
        "version": operator.version,
        "distribution": operator.distribution,
        "distribution_version": operator.distribution_version,
        "fingerprint": operator.fingerprint,
    }


def _threshold(
    step: str, threshold: Mapping[str, object], conditions: Sequence[Mapping[str, object]]
) -> dict[str, object]:
    value = threshold["threshold"]
    if not isinstance(value, (int, float)):
        raise GristmillError("GM-PLAN-105", f"threshold of `{step}` is `{value}`, not a number")
    return {
        "step": step,
        "rule": threshold["rule"],
        "column": f"{step}.{threshold['column']}",
        "keep": threshold["keep"],
        "threshold": float(value),
        "where": list(conditions),
    }
