"""Why a choosing step left a document out, in sentences. Not here: finding its row (`story`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from gristmill.cli.story_lines import number

Row = Mapping[str, object]


def left_out(row: Row, choices: Sequence[Row]) -> dict[str, list[str]] | None:
    """Return why a document was left out and what would have kept it; None if no choosing step did.

    Parameters
    ----------
    row
        Its row in `rejects/`.
    choices
        The plan's choosing steps.

    Examples
    --------
    >>> step = {"step": "sample", "use": "sample", "by": None, "unit": "documents", "rules": ["not_sampled", ""]}
    >>> step["choice"] = {"fraction": 0.1, "per": {}}
    >>> row = {"step": "sample", "rule": "not_sampled", "value": 0.75, "threshold": 0.1, "detail": None}
    >>> left_out(row, [step])["because"]
    ['it stands at 0.75 in the salted order of all documents, and what stands below 0.1 stays']
    """
    choice = next((one for one in choices if one["step"] == row["step"]), None)
    if choice is None or row["rule"] not in cast(Sequence[str], choice["rules"]):
        return None
    if "decider" in choice:
        reason = cast(Mapping[str, str], choice["reasons"])[str(row["rule"])]
        failed = row["rule"] == cast(Sequence[str], choice["rules"])[-1]
        return {
            "because": [f"{reason}, says `{choice['use']}` of the documents with its `{choice['by']}`"],
            "to_keep": [
                "a decider that does not fail" if failed else "other documents in its group, or no such step"
            ],
        }
    value, threshold = number(row["value"]), number(row["threshold"])
    what = cast(Row, choice["choice"])
    place = [] if row["detail"] is None else [f"it is {row['detail']}"]
    if row["rule"] == "nothing_new":
        words = cast(Row, what["novelty"])["ngram_words"]
        new = f"{value} of its {words}-grams are new to the documents selected before it"
        return {
            "because": [f"{new}, at least {threshold} wanted", *place],
            "to_keep": ["a smaller `min_new`, or none of the selected documents that say the same"],
        }
    if choice["use"] == "select":
        return {"because": [*_score(row, choice), *place], "to_keep": ["a larger `keep`"]}
    of = "all documents" if choice["by"] is None else f"what has its `{choice['by']}`"
    because = [
        f"it stands at {value} in the salted order of {of}, and what stands below {threshold} stays",
        *place,
    ]
    if choice["use"] == "mix":
        return {"because": because, "to_keep": ["a larger share, or another `salt`"]}
    to_keep = "another `salt`, or more documents"
    if what.get("fraction") is not None and not what.get("per"):
        to_keep = f"`fraction` above {value}, or another `salt`"
    return {"because": because, "to_keep": [to_keep]}


def _score(row: Row, choice: Row) -> list[str]:
    what = cast(Row, choice["choice"])
    if choice["importance"] is None:
        name = f"`{choice['by']}`"
    else:
        name = "log importance weight" + (" with its noise" if what["noise"] else "")
    if row["value"] is None:
        return [f"it has no {name}, and documents without one come last"]
    if row["threshold"] is None:
        return [f"its {name} is {number(row['value'])}, and nothing stays"]
    return [
        f"its {name} is {number(row['value'])}, that of the last one that stayed {number(row['threshold'])}"
    ]
