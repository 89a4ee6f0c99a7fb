# ruff: noqa: E501  # tables of patterns and words
"""`support.turns`: who speaks how often in a chat log or an e-mail thread.

A turn begins at a line with a speaker before a colon, with or without a time. Speakers whose label is a
role (agent, customer) are known by it; any other label counts as a speaker if it opens two lines or more,
so that `Note:` once in a letter is no turn. Messages of a thread are counted by the lines that mail
programs put before a quoted one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from gristmill.plugins.api import Field, Signal, frozen_config
from gristmill_support.quotes import ATTRIBUTION, FORWARD_MARK, ORIGINAL_MARK

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

AGENT_ROLES = (
    "agent", "support", "support agent", "customer support", "customer service", "customer care", "representative", "rep", "csr",
    "advisor", "adviser", "assistant", "operator", "associate", "specialist", "helpdesk", "help desk", "service desk", "bot",
    "chatbot", "virtual assistant", "system", "support team", "live agent", "consultant", "technician", "moderator", "staff",
)  # fmt: skip
CUSTOMER_ROLES = (
    "customer", "client", "user", "visitor", "guest", "caller", "consumer", "buyer", "member", "subscriber", "passenger", "you",
    "human", "requester", "end user", "end-user", "shopper", "contact", "me",
)  # fmt: skip

CUT = "\ufdd0"
"""A noncharacter of Unicode, for internal use: where a label stood."""
_TIME = r"(?:[\[(]?(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[ T])?[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?: ?[AaPp]\.?[Mm]\.?)?[\])]?[ \t]*[-,|]?[ \t]*)"
LABEL = rf"(?m)^[ \t]*{_TIME}?(?:\*\*|<)?[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ0-9 .'’_-]{{0,30}}(?: ?\([^)\n]{{1,20}}\))?(?:\*\*|>)? ?{_TIME}?:(?:\*\*)?(?:[ \t]|$)"
"""A label with its colon: `Agent:`, `[10:32] Maria L.:`, `Dana (10:33 AM):`."""


@frozen_config
class TurnsConfig:
    """Recipe keys of `support.turns`."""

    agents: tuple[str, ...] = Field(default=(), doc="further labels of agents, in any case")
    customers: tuple[str, ...] = Field(default=(), doc="further labels of customers, in any case")


class Turns(Signal):
    """Turns of a conversation.

    ``num_turns``, ``num_speakers``, ``num_agent_turns``, ``num_customer_turns`` (labels that are roles),
    ``num_messages`` (quoted and forwarded messages of a thread, without the one on top): uint32.
    ``agent_fraction``, ``customer_fraction``: characters under such labels over characters under any label,
    in [0, 1], float32; null without turns. ``is_alternating``: no two turns in a row have the same label;
    null with fewer than two turns.
    """

    name, version = "turns", 1
    inputs = ("text",)
    outputs: ClassVar = {
        "num_turns": "uint32",
        "num_speakers": "uint32",
        "num_agent_turns": "uint32",
        "num_customer_turns": "uint32",
        "num_messages": "uint32",
        "agent_fraction": "float32?",
        "customer_fraction": "float32?",
        "is_alternating": "bool?",
    }
    Config = TurnsConfig
    config: TurnsConfig

    def compute(self, batch: pa.RecordBatch) -> Mapping[str, pl.Series]:
        """Cut every text at its labels and count."""
        import polars as pl

        agents = {*AGENT_ROLES, *(label.lower() for label in self.config.agents)}
        customers = {*CUSTOMER_ROLES, *(label.lower() for label in self.config.customers)}
        documents = pl.DataFrame({"text": pl.from_arrow(batch.column("text"))}).select(
            row=pl.int_range(pl.len(), dtype=pl.Int64),
            text=pl.col("text").str.replace_all(CUT, "\ufffd", literal=True),
        )
        pieces = (
            documents.filter(pl.col("text").str.contains(LABEL))
            .select(
                "row",
                label=pl.col("text").str.extract_all(LABEL),
                body=pl.col("text").str.replace_all(LABEL, CUT).str.split(CUT).list.slice(1),
            )
            .explode("label", "body")
            .select(
                "row",
                aside=pl.col("label").str.replace_all(_TIME, "").str.extract(r"\(([^)\n]*)\)").str.to_lowercase(),
                speaker=pl.col("label").str.replace_all(_TIME, "").str.replace(r"\([^)\n]*\)", "")
                .str.strip_chars(" \t\n*<>:").str.to_lowercase(),
                length=pl.col("body").str.strip_chars().str.len_chars().cast(pl.Int64),
            )
            .with_columns(
                is_agent=pl.any_horizontal(_is_one_of(name, agents) for name in ("speaker", "aside")),
                is_customer=pl.any_horizontal(_is_one_of(name, customers) for name in ("speaker", "aside")),
            )
            .with_columns(
                role=pl.when("is_agent").then(pl.lit("agent")).when("is_customer").then(pl.lit("customer"))
            )
            .filter(pl.col("role").is_not_null() | (pl.len().over("row", "speaker") >= 2))
        )  # fmt: skip
        by_row = pieces.group_by("row", maintain_order=True).agg(
            num_turns=pl.len(),
            num_speakers=pl.col("speaker").n_unique(),
            num_agent_turns=(pl.col("role") == "agent").sum(),
            num_customer_turns=(pl.col("role") == "customer").sum(),
            agent=pl.col("length").filter(pl.col("role") == "agent").sum(),
            customer=pl.col("length").filter(pl.col("role") == "customer").sum(),
            total=pl.col("length").sum(),
            repeats=(pl.col("speaker") == pl.col("speaker").shift(1)).sum(),
        )
        joined = documents.join(by_row, on="row", how="left", maintain_order="left")
        marks = (ATTRIBUTION, FORWARD_MARK, ORIGINAL_MARK)
        messages = pl.sum_horizontal(pl.col("text").str.count_matches(mark) for mark in marks)
        counts = ("num_turns", "num_speakers", "num_agent_turns", "num_customer_turns")
        columns = joined.select(
            *(pl.col(name).fill_null(0).cast(pl.UInt32) for name in counts),
            messages.cast(pl.UInt32).alias("num_messages"),
            *(
                pl.when(pl.col("total") > 0)
                .then(pl.col(role) / pl.col("total"))
                .cast(pl.Float32)
                .alias(f"{role}_fraction")
                for role in ("agent", "customer")
            ),
            pl.when(pl.col("num_turns") >= 2).then(pl.col("repeats") == 0).alias("is_alternating"),
        )
        return {name: columns[name] for name in self.outputs}


def _is_one_of(column: str, labels: set[str]) -> pl.Expr:
    """Return whether a label is one of these, with or without a number behind it: `agent 2`."""
    import polars as pl

    return pl.col(column).str.replace(r"[ #]*[0-9]+$", "").is_in(sorted(labels)).fill_null(False)
