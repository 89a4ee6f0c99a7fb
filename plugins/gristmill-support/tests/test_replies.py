"""Threads whose latest mail is worked out by hand, and the plain definition for any others."""

from hypothesis import given
from hypothesis import strategies as st

from gristmill.plugins.testing import decide
from gristmill_support import LatestReply


def rows(*sent: tuple[str, str | None]) -> list[dict[str, object]]:
    return [{"group": group, "sent_at": when} for group, when in sent]


def test_the_latest_of_each_thread_stays_wherever_it_stands() -> None:
    thread = rows(
        ("a", "2024-06-03T10:15"), ("b", "2024-06-01"), ("a", "2024-06-04T08:00"), ("a", "2024-06-03T23:59")
    )
    assert decide(LatestReply, thread) == ["earlier_reply", None, None, "earlier_reply"]


def test_of_equal_times_the_last_and_none_is_older_than_any() -> None:
    assert decide(LatestReply, rows(("a", "1"), ("a", "1"), ("a", None))) == [
        "earlier_reply",
        None,
        "earlier_reply",
    ]
    assert decide(LatestReply, rows(("a", None), ("a", None), ("b", None))) == ["earlier_reply", None, None]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.one_of(st.none(), st.sampled_from(["1", "2", "30"]))), min_size=1
    )
)
def test_as_the_plain_definition(sent: list[tuple[str, str | None]]) -> None:
    def place(row: int) -> tuple[bool, str, int]:
        return (sent[row][1] is not None, sent[row][1] or "", row)

    kept = {max((row for row in range(len(sent)) if sent[row][0] == group), key=place) for group, _ in sent}
    reasons = decide(LatestReply, rows(*sent))
    assert {row for row, reason in enumerate(reasons) if reason is None} == kept
