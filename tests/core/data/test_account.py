"""Accounts of what was read."""

import json

import pytest

from tandemclip.core.data.account import Account, Named, Tally, counts_from_json, counts_to_json, lines_of, printable


def test_what_does_not_add_up_is_a_defect():
    odd = {"odd": Named(2, ("a", "b"))}
    assert Account("x", "rows", 5, 3, odd).missing == 2
    for numbers in ((5, 4), (5, 5), (4, 3), (6, 3)):
        with pytest.raises(ValueError, match="does not add up"):
            Account("x", "rows", *numbers, odd)


def test_a_tally_keeps_the_first_names():
    one, other = Tally(), Tally()
    for number in range(5):
        one.add("few" if number == 3 else "many", f"n{number}\udce9")
        other.add("many", f"m{number}")
    assert one.counts == {"many": Named(4, ("n0?", "n1?", "n2?")), "few": Named(1, ("n3?",))} and one.total == 5
    both = Tally(one.counts)
    both.merge(other.counts)
    assert both.counts["many"] == Named(9, ("n0?", "n1?", "n2?")) and one.counts["many"].count == 4
    few = Tally({"few": Named(1, ("a",))})
    few.merge(one.counts)
    assert few.counts["few"] == Named(2, ("a", "n3?")) and list(few.counts) == ["few", "many"]
    assert counts_from_json(json.loads(json.dumps(counts_to_json(one.counts)))) == one.counts


@pytest.mark.parametrize("name, shown", [
    ("ü　猫.jpg", "ü　猫.jpg"), ("a\\b", "a\\b"), ("a\nb\r\x1b[31m", "a\\nb\\r\\x1b[31m"), ("\u202egpj", "\\u202egpj"),
    ("\udce9", "?"),
])  # fmt: skip
def test_a_name_steers_no_terminal(name, shown):
    assert printable(name) == shown == printable(shown)
    assert lines_of([Account(name, "files", 1, 1)]) == [f"{shown}: all 1 files read"]


def test_lines_name_every_reason():
    account = Account("t.csv", "rows", 1005, 1000, {"no path": Named(5, ("a", "b", "c"))}, {"blank": Named(1, ("d",))})
    assert lines_of([account, Account("p", "files", 3, 3)]) == [
        "t.csv: 1,000 of 1,005 rows read",
        "  passed over, no path (5: a, b, c, ...)",
        "  remarked, blank (1: d)",
        "p: all 3 files read",
    ]
    assert account.to_json() == {
        "of": "t.csv", "unit": "rows", "all": 1005, "read": 1000,
        "passed_over": {"no path": {"count": 5, "first": ["a", "b", "c"]}},
        "remarks": {"blank": {"count": 1, "first": ["d"]}},
    }  # fmt: skip
