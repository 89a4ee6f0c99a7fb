"""Loads the plugins a recipe names, and no others, and makes its steps ready.

pluggy is used here only, at start-up: each hook is called for one plugin at a time, so that a plugin that
fails is named and the others are unaffected. Not here: running operators (`host`).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import cast

import pluggy

from gristmill.errors import GristmillError
from gristmill.plugins import hookspecs
from gristmill.plugins.active import (
    RESERVED_KEYS,
    ActiveOperator,
    Registered,
    activate,
    is_threshold_key,
    outputs_of,
)
from gristmill.plugins.config import config_fields, nearest
from gristmill.plugins.deciders import GroupDecider, decider_problem
from gristmill.plugins.discovery import NAMESPACE_PATTERN, Found, discover, source_digest
from gristmill.plugins.kinds import ALL, KINDS, MAY_READ_NOTHING, STEP_KINDS
from gristmill.plugins.observers import Observers, observed_hooks
from gristmill.plugins.operators import Operator, work_method


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginInfo:
    """One line of `gristmill plugin list`.

    `operators` are full names, None if the plugin was not loaded; `error` says why loading failed.
    """

    name: str
    distribution: str | None
    version: str | None
    operators: tuple[str, ...] | None
    active: bool
    error: str | None = None


class PluginManager:
    """The operators of the plugins that a recipe names.

    Make one with `PluginManager.load`. Holds no global state: two managers do not know of each other.

    Examples
    --------
    >>> PluginManager.load([]).operators
    {}
    """

    def __init__(
        self, operators: Mapping[str, Registered], modules: Iterable[tuple[str, ModuleType]] = ()
    ) -> None:
        self.operators = dict(sorted(operators.items()))
        self._modules = tuple(modules)

    @property
    def observers(self) -> Observers:
        """The observation hooks of these plugins, with a count of failures of their own."""
        return Observers(self._modules)

    @classmethod
    def load(cls, names: Iterable[str], *, plugins_dir: Path | None = None) -> PluginManager:
        """Import the plugins behind these names and collect their operators.

        Parameters
        ----------
        names
            Namespaces (``legal``) or the `use` of steps (``legal.citation_density``); only these are
            imported.
        plugins_dir
            A folder of single-file plugins; a file's stem is its namespace.

        Raises
        ------
        GristmillError
            GM-PLUGIN-001 to -007.
        """
        namespaces = sorted({name.partition(".")[0] for name in names})
        if not namespaces:
            return cls({})
        available = discover(plugins_dir)
        operators: dict[str, Registered] = {}
        modules: list[tuple[str, ModuleType]] = []
        for namespace in namespaces:
            found = _choose(namespace, available)
            module = _import(found)
            for registered in _register(found, module):
                operators[registered.full_name] = registered
            modules.append((namespace, module))
        return cls(operators, modules)

    def find(self, use: str, *, kinds: Iterable[str] = KINDS) -> Registered:
        """Return the operator of this full name; GM-PLUGIN-002 with the nearest name if there is none."""
        registered = self.operators.get(use)
        if registered is not None and registered.kind in kinds:
            return registered
        namespace = use.partition(".")[0]
        known = [
            name
            for name, item in self.operators.items()
            if item.namespace == namespace and item.kind in kinds
        ]
        close = nearest(use, known)
        listing = ", ".join(f"`{name}`" for name in known) or "none"
        problem = f"`{use}` is a {registered.kind}" if registered else f"plugin `{namespace}` has no `{use}`"
        wanted = " or ".join(kinds)
        raise GristmillError(
            "GM-PLUGIN-002",
            f"{problem}; a {wanted} is needed here",
            hint=f"did you mean `{close}`?" if close else None,
            context=(f"it offers: {listing}",),
        )

    def activate(self, step: Mapping[str, object]) -> ActiveOperator:
        """Return the signal, transform, filter or decider that a recipe's `[[step]]` table asks for.

        Raises
        ------
        GristmillError
            GM-PLUGIN-002, -008, -009 or -010.
        """
        use = str(step["use"])
        if step.get("by") is not None:
            return activate(self.find(use, kinds=("decider",)), step)
        decider = self.operators.get(use)
        if decider is not None and issubclass(decider.operator, GroupDecider):
            raise GristmillError(
                "GM-PLUGIN-009",
                f"`{use}` decides about groups, and the step does not say what makes one",
                hint=f'add `by = "{decider.operator.by or "conversation_id"}"` to the step: a column whose equal '
                "values make a group",
            )
        return activate(self.find(use, kinds=STEP_KINDS), step)

    def activate_reader(self, use: str, config: Mapping[str, object] | None = None) -> ActiveOperator:
        """Return the reader of this full name, for a source that says ``format = "<namespace>.<reader>"``."""
        return activate(self.find(use, kinds=("reader",)), {**(config or {}), "use": use})

    def activate_as(self, kind: str, wanted: Mapping[str, object]) -> ActiveOperator:
        """Return the operator of one kind that a recipe names elsewhere than in a step.

        Parameters
        ----------
        kind
            ``extractor``, ``report_section``, ``trainer_callback`` or ``command``.
        wanted
            The name under ``use``, and keys of its configuration.

        Raises
        ------
        GristmillError
            GM-PLUGIN-002, -008 or -009.
        """
        return activate(self.find(str(wanted["use"]), kinds=(kind,)), wanted)

    @classmethod
    def rebuild(
        cls, descriptions: Iterable[Mapping[str, object]], *, plugins_dir: Path | None = None
    ) -> list[ActiveOperator]:
        """Return the operators that a plan describes (`ActiveOperator.describe`), for a worker process.

        Raises
        ------
        GristmillError
            GM-PLUGIN-011 if a plugin is no longer the one the plan was made with.
        """
        descriptions = list(descriptions)
        manager = cls.load([str(item["use"]) for item in descriptions], plugins_dir=plugins_dir)
        return [_rebuild(manager, item) for item in descriptions]


def list_plugins(
    *, active: Iterable[str] = (), plugins_dir: Path | None = None, load: bool = True
) -> list[PluginInfo]:
    """Return every plugin there is, sorted by name, gristmill's own rules among them.

    Parameters
    ----------
    active
        Namespaces or `use` names of a recipe.
    load
        Import each plugin to learn its operators; one that fails is listed with its error. Without it, none
        is imported.

    Examples
    --------
    >>> all(info.operators is None for info in list_plugins(load=False))
    True
    """
    namespaces = {name.partition(".")[0] for name in active}
    infos = [_builtin_info(load=load)]
    for namespace, claims in discover(plugins_dir).items():
        operators, error = None, None
        if load:
            try:
                manager = PluginManager.load([namespace], plugins_dir=plugins_dir)
                operators = tuple(manager.operators)
            except GristmillError as problem:
                error = problem.message
        infos.append(
            PluginInfo(
                name=namespace,
                distribution=claims[0].distribution,
                version=claims[0].version,
                operators=operators,
                active=namespace in namespaces,
                error=error,
            )
        )
    return sorted(infos, key=lambda info: info.name)


def _builtin_info(*, load: bool) -> PluginInfo:
    """Return the line of gristmill's own rules, which are always active."""
    names = None
    if load:
        from gristmill.plugins.builtin import builtin_rules

        names = tuple(rule.name for rule in builtin_rules())
    try:
        version: str | None = importlib.metadata.version(hookspecs.PROJECT)
    except importlib.metadata.PackageNotFoundError:
        version = None
    return PluginInfo(
        name=hookspecs.PROJECT,
        distribution=hookspecs.PROJECT,
        version=version,
        operators=names,
        active=True,
    )


def _rebuild(manager: PluginManager, description: Mapping[str, object]) -> ActiveOperator:
    use = str(description["use"])
    step = {**cast(Mapping[str, object], description["config"]), "use": use}
    step.update(name=description["step"], on_error=description["on_error"])
    step.update(cast(Mapping[str, object], description.get("containment", {})))
    for threshold in cast(list[Mapping[str, object]], description["thresholds"]):
        if description["kind"] != "filter":
            side = "min" if threshold["keep"] == ">=" else "max"
            step[f"{side}_{threshold['column']}"] = threshold["threshold"]
    operator = activate(manager.find(use), step)
    if operator.fingerprint != description["fingerprint"]:
        raise GristmillError(
            "GM-PLUGIN-011",
            f"plugin operator `{use}` changed since the plan was made",
            hint="plan again into another output folder, or restore the plugin",
            context=(f"plan: {description['fingerprint']}", f"now:  {operator.fingerprint}"),
        )
    return operator


def _choose(namespace: str, available: Mapping[str, list[Found]]) -> Found:
    if namespace == hookspecs.PROJECT:
        raise GristmillError(
            "GM-PLUGIN-005",
            f"the plugin name `{namespace}` is taken by gristmill's own rules",
            hint='a built-in rule is used without it: `use = "clean"`; rename a plugin of this name',
        )
    claims = available.get(namespace)
    if claims is None:
        close = nearest(namespace, available)
        listing = ", ".join(f"`{name}`" for name in available) or "none"
        hint = (
            f"did you mean `{close}`?"
            if close
            else "a single file? name its folder in `plugins_dir` of `[run]`, or give `--plugins-dir`; "
            "a package? install it into this environment"
        )
        raise GristmillError(
            "GM-PLUGIN-001", f"no plugin is called `{namespace}`", hint=hint, context=(f"found: {listing}",)
        )
    if len(claims) > 1:
        owners = tuple(f"claimed by {item.distribution or item.file}" for item in claims)
        raise GristmillError("GM-PLUGIN-005", f"two plugins are called `{namespace}`", context=owners)
    if not NAMESPACE_PATTERN.fullmatch(namespace):
        raise GristmillError(
            "GM-PLUGIN-006",
            f"`{namespace}` is no plugin name: lower-case letters, digits and `_`, a letter first",
        )
    return claims[0]


def _import(found: Found) -> ModuleType:
    try:
        module = _import_file(found) if found.file else _import_entry_point(found)
    except GristmillError:
        raise
    except (Exception, SystemExit) as error:
        raise _cannot_load(found, error) from error
    api = getattr(module, "gristmill_api", None)
    if api != hookspecs.API_MAJOR:
        written = f"is written for plugin interface {api}" if api is not None else "names no plugin interface"
        raise GristmillError(
            "GM-PLUGIN-003",
            f"plugin `{found.namespace}` {written}; this gristmill has {hookspecs.API_MAJOR}",
            hint=f"put `gristmill_api = {hookspecs.API_MAJOR}` into its module, or install one made for "
            f"interface {hookspecs.API_MAJOR}",
        )
    return module


def _import_entry_point(found: Found) -> ModuleType:
    assert found.entry_point is not None
    module = found.entry_point.load()
    if not isinstance(module, ModuleType):
        raise GristmillError(
            "GM-PLUGIN-006",
            f"plugin `{found.namespace}` points to `{found.entry_point.value}`, which is no module",
        )
    return module


class _FromSource(SourceFileLoader):
    """Compiles the file as it stands.

    Python's cache goes by size and whole seconds, so a file edited twice within one could run as it was before.
    """

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the name that importlib calls it with
        """Return the code of the source."""
        return self.source_to_code(self.get_data(self.path), self.path)


def _import_file(found: Found) -> ModuleType:
    assert found.file is not None
    name = _file_module(found)
    loader = _FromSource(name, str(found.file))
    spec = importlib.util.spec_from_file_location(name, found.file, loader=loader)
    if spec is None or spec.loader is None:
        raise ImportError(f"`{found.file}` cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look it up while it runs
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _register(found: Found, module: ModuleType) -> list[Registered]:
    """Call every hook of one plugin and return what it registered."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name=found.namespace)
        _refuse_unknown_hooks(found, manager)
        registered: dict[str, Registered] = {}
        source = source_digest(found, module)
        for kind in ALL:
            others = [plugin for plugin in manager.get_plugins() if plugin is not module]
            caller = manager.subset_hook_caller(kind.hook, remove_plugins=others)
            caller(register=_collector(found, kind.name, source, registered))
    except GristmillError:
        raise
    except (Exception, SystemExit) as error:
        raise _cannot_load(found, error) from error
    if not registered and not observed_hooks(module):
        raise GristmillError(
            "GM-PLUGIN-006",
            f"plugin `{found.namespace}` registers nothing",
            hint="decorate its registration function with `@hookimpl`",
        )
    return list(registered.values())


def _refuse_unknown_hooks(found: Found, manager: pluggy.PluginManager) -> None:
    for own in hookspecs.OWN_HOOKS:
        if getattr(manager.hook, own).get_hookimpls():
            raise GristmillError(
                "GM-PLUGIN-007",
                f"plugin `{found.namespace}` implements the hook `{own}`, which is gristmill's own",
                hint="register signals, transforms or filters instead",
            )
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        known = (*hookspecs.HOOKS, *hookspecs.OBSERVERS)
        ours = (*known, *hookspecs.OWN_HOOKS)
        unknown = [name for name in vars(manager.hook) if not name.startswith("_") and name not in ours]
        name = unknown[0] if unknown else "unknown"
        close = nearest(name, known)
        raise GristmillError(
            "GM-PLUGIN-007",
            f"plugin `{found.namespace}` implements a hook `{name}` that does not exist",
            hint=f"did you mean `{close}`?" if close else None,
            context=(f"hooks: {', '.join(known)}",),
        ) from error


def _collector(
    found: Found, kind: str, source: str | None, registered: dict[str, Registered]
) -> Callable[[type[Operator]], None]:
    def register(operator: type[Operator]) -> None:
        problem = definition_problem(operator, kind)
        label = getattr(operator, "__name__", str(operator))
        if problem:
            raise GristmillError(
                "GM-PLUGIN-006", f"plugin `{found.namespace}`: {kind} class `{label}` {problem}"
            )
        item = Registered(
            namespace=found.namespace,
            kind=kind,
            operator=operator,
            distribution=found.distribution,
            distribution_version=found.version,
            source=source,
        )
        if item.full_name in registered:
            raise GristmillError(
                "GM-PLUGIN-005", f"plugin `{found.namespace}` registers `{item.full_name}` twice"
            )
        registered[item.full_name] = item

    return register


def definition_problem(operator: object, kind: str) -> str | None:
    """Return what is wrong with an operator class, or None.

    Examples
    --------
    >>> from gristmill.plugins.api import Signal
    >>> class NoName(Signal): ...
    >>> definition_problem(NoName, "signal")
    'lacks the attribute `name`'
    """
    base = KINDS[kind].base
    if not (inspect.isclass(operator) and issubclass(operator, base)):
        return f"does not derive from `{base.__name__}`"
    problem = _identity_problem(operator, kind)
    if problem:
        return problem
    try:
        outputs = outputs_of(operator)
        work_method(operator)
        fields = config_fields(operator.Config)
    except (TypeError, ValueError, AttributeError) as error:
        return str(error)
    if kind == "signal" and not outputs:
        return "declares no outputs"
    if not all(NAMESPACE_PATTERN.fullmatch(name) for name in outputs):
        return f"has outputs {', '.join(outputs)}: names are of lower-case letters, digits and `_`"
    taken = [name for name in fields if name in RESERVED_KEYS or is_threshold_key(name, outputs)]
    if taken:
        return f"has a configuration field `{taken[0]}`, a name that the host reserves"
    return None


def _identity_problem(operator: type[Operator], kind: str) -> str | None:
    for attribute in ("name", "version", *KINDS[kind].required):
        if not hasattr(operator, attribute):
            return f"lacks the attribute `{attribute}`"
    name: object = operator.name
    if not isinstance(name, str) or not NAMESPACE_PATTERN.fullmatch(name):
        return f"has the name `{name}`, which is not of lower-case letters, digits and `_`"
    version: object = operator.version
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        return f"has the version `{version}`, which is no whole number from 1"
    # A reader may name no suffix; an operator without an input has nothing to work on.
    for attribute in ("inputs", *(("suffixes",) if kind == "reader" else ())):
        values: object = getattr(operator, attribute)
        if not isinstance(values, tuple) or not all(isinstance(item, str) for item in values):
            return f"has `{attribute} = {values!r}`, which is no tuple of strings"
        if attribute == "inputs" and not values and kind not in MAY_READ_NOTHING:
            return "has `inputs = ()`; name at least one column, such as `text`"
    if issubclass(operator, GroupDecider):
        return decider_problem(operator)
    if operator.scope not in ("row", "batch"):
        return f'has the scope `{operator.scope}`, which is neither "row" nor "batch"'
    return None


def _cannot_load(found: Found, error: BaseException) -> GristmillError:
    place = _place_of(found, error)
    # Its text ends with file and line as well, which `place` says in the same words as for other faults.
    text = error.msg if isinstance(error, SyntaxError) and place else error
    again = f"gristmill plugin show {found.namespace}"
    hint = (
        f"mend the file, then look again: `{again} --plugins-dir {found.file.parent}`"
        if found.file
        else f"check its installation: `{again}`, with `--plugins-dir DIR` for a single file"
    )
    return GristmillError(
        "GM-PLUGIN-004",
        f"plugin `{found.namespace}` cannot be loaded: {type(error).__name__}: {text}{place}",
        hint=hint,
    )


def _place_of(found: Found, error: BaseException) -> str:
    """Return `` at <file>, line <number>``: the last line of the plugin's own that ran, or nothing if none did."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f", at {Path(error.filename).name}, line {error.lineno}"
    own = found.entry_point.module.partition(".")[0] if found.entry_point else _file_module(found)
    place = ""
    for frame, line_number in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] == own:
            place = f", at {Path(frame.f_code.co_filename).name}, line {line_number}"
    return place


def _file_module(found: Found) -> str:
    # A name of its own, so that a file called `json.py` hides nothing.
    return f"gristmill_plugin_file_{found.namespace}"
