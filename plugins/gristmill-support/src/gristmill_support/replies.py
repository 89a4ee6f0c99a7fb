"""`support.latest_reply`: of the mails of a conversation the latest, which usually quotes the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gristmill.plugins.api import GroupDecider, col, lit, when

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl


class LatestReply(GroupDecider):
    """Keeps the document of a conversation with the greatest ``sent_at``; of several such, the last in the input.

    ``sent_at`` is compared as it is: numbers, or texts whose order is that of time, such as ISO 8601 in one time zone.
    A document without it is older than any other; where no document has it, the last in the input stays. So that
    earlier mails are not lost, this is for threads whose latest mail quotes the others, before `strip_quotes` or
    without it.
    """

    name, version = "latest_reply", 1
    inputs = ("sent_at",)
    reasons: ClassVar[Mapping[str, str]] = {"earlier_reply": "a later document of the conversation is there"}
    by = "conversation_id"

    def expr(self) -> pl.Expr:
        """Return the reason of each document that goes."""
        num_dated = col("sent_at").count().over("group")
        is_latest = (col("sent_at").rank("ordinal").over("group") == num_dated).fill_null(value=False)
        is_last = col("group").cum_count().over("group") == col("group").count().over("group")
        stays = when(num_dated > 0).then(is_latest).otherwise(is_last)
        return when(~stays).then(lit("earlier_reply"))
