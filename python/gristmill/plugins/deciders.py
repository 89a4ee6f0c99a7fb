"""Group deciders: the documents of one group in, out which of them stay and why the others do not.

Not here: making the groups and leaving documents out (`gristmill.curate`), and checks of what a decider returns
(`groups`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

from gristmill.plugins.operators import Operator, Output

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = TypeVar("Function", bound=Callable[..., object])

GROUP = "group"
"""Column of a decider's batch with the value that makes the group, as text."""
REASON = "reason"
"""The one output of a decider: null for a document that stays."""
FAILED = "failed"
"""Reason of the documents of a group that the decider failed on."""
MAX_REASONS = 100


class GroupDecider(Operator):
    """Says of all documents with one value of a column which stay. Define exactly one of the methods below.

    A step names it together with that column: ``use = "support.latest_reply"``, ``by = "conversation_id"``. It runs
    behind all thresholds and dedup, so that what these drop is in no group. A batch holds whole groups, the rows of one
    behind each other in the order of the input; the column ``group`` holds the value as text. Documents without a
    value are in no group and stay.

    The result is one column: null for a document that stays, otherwise one of `reasons`.
    ``expr(self) -> Expr`` gives it as a polars expression, in which ``.over("group")`` looks at a group;
    ``decide(self, batch) -> Array`` for an Arrow batch; ``decide_group(self, <inputs>) -> Sequence[str | None]`` under
    `per_group` for one group, whose columns are lists.

    Attributes
    ----------
    inputs
        Columns beside ``group``: fields of the input, columns of earlier steps, ``text``, ``id``, ``source``, ``key``.
    reasons
        Why a document is left out: a name for `rejects/` and counts, and a sentence for each.
    by
        A column that groups usually go by, for the hint to a recipe that names none.

    Examples
    --------
    >>> from gristmill.plugins.api import GroupDecider, col, lit, when
    >>> class Latest(GroupDecider):
    ...     name, version = "latest", 1
    ...     inputs = ("date",)
    ...     reasons = {"superseded": "a later document of the group is there"}
    ...     def expr(self):
    ...         return when(col("date") < col("date").max().over("group")).then(lit("superseded"))
    >>> import polars
    >>> frame = polars.DataFrame({"group": ["a", "a", "b"], "date": ["2024-01-05", "2024-02-01", "2023-07-09"]})
    >>> frame.select(Latest().expr()).to_series().to_list()
    ['superseded', None, None]
    """

    kind = "decider"
    work = ("expr", "decide", "decide_group")
    inputs: ClassVar[tuple[str, ...]] = ()
    outputs: ClassVar[Mapping[str, str | Output]] = {REASON: Output(type="utf8", nullable=True)}
    scope: ClassVar[Literal["row", "batch", "group"]] = "group"
    reasons: ClassVar[Mapping[str, str]]
    by: ClassVar[str | None] = None


def per_group(function: Function) -> Function:
    """Mark a method as tier 3: called with the columns of one group at a time, as lists, under the interpreter lock.

    Examples
    --------
    >>> @per_group
    ... def decide_group(self, length):
    ...     return [None if one == max(length) else "shorter" for one in length]
    >>> decide_group(None, [3, 5])
    ['shorter', None]
    """
    function.is_per_group = True  # type: ignore[attr-defined]  # a mark that the manager looks for
    return function


def decider_problem(operator: type[GroupDecider]) -> str | None:
    """Return what is wrong with the attributes of a decider's own, or None."""
    from gristmill.plugins.discovery import NAMESPACE_PATTERN

    reasons: object = operator.reasons
    if not isinstance(reasons, Mapping) or not 1 <= len(reasons) <= MAX_REASONS:
        return f"has no `reasons`: name 1 to {MAX_REASONS}, each with a sentence"
    for name, sentence in reasons.items():
        if (
            not isinstance(name, str)
            or not NAMESPACE_PATTERN.fullmatch(name)
            or not isinstance(sentence, str)
        ):
            return f"has the reason `{name}`: names are of lower-case letters, digits and `_`, each has a sentence"
    if FAILED in reasons:
        return f"has the reason `{FAILED}`, which stands for groups that it fails on"
    by: object = operator.by
    if by is not None and not isinstance(by, str):
        return f"has `by = {by!r}`, which is no name of a column"
    if operator.scope != "group":
        return f"has the scope `{operator.scope}`; that of a decider is its group"
    if dict(operator.outputs) != dict(GroupDecider.outputs):
        return "has outputs of its own; a decider gives one reason a document"
    if GROUP in operator.inputs:
        return f"has `{GROUP}` among its inputs, where it always is"
    return None
