"""3+3 as published, and what every rule of escalation keeps to."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.references import references
from tracker.rules.advice import Level
from tracker.rules.escalation import next_dose, three_plus_three
from tracker.stats.dose_finding import interval_table
from tracker.terms.trial import DoseAction, EscalationRule


def ladder(*seen, pending=0, closed=()):
    """Levels 1, 2, ... from texts such as "1/6"; the last one that was tried has those pending."""
    counts = [tuple(map(int, one.split("/"))) for one in seen]
    tried = max((place for place, (_dlt, n) in enumerate(counts) if n), default=0)
    return [
        Level(place + 1, n, dlt, pending if place == tried else 0, place + 1 in closed)
        for place, (dlt, n) in enumerate(counts)
    ]


def advised(levels, current):
    advice = three_plus_three(levels, current)
    return advice.action.value, *advice.next_levels


#: How the reference names an action, where it uses other words.
SAID = {"expand to 6": "expand", "stop: exceeds MTD, de-escalate": "de-escalate"}


def case_as_levels(said):
    """The levels and the current one of a case such as "0/3 at top dose": 0/3 in the middle of three otherwise."""
    if "below a dose with" in said:
        low, high = said.split(" below a dose with ")
        return ladder(low, high), 1
    if "at top dose" in said:
        return ladder("0/3", said.split()[0]), 2
    return ladder("0/3", said, "0/0"), 2


@pytest.mark.parametrize("case", references("3plus3.rules"))
def test_three_plus_three_decides_as_published(case):
    for said, expected in zip(case["input"]["cases"], case["expected"]):
        assert advised(*case_as_levels(said))[0] == SAID.get(expected, expected), said


@pytest.mark.parametrize(
    "levels, current, expected",
    [
        (ladder("0/3", "0/0"), 1, ("escalate", 2)),
        (ladder("1/3", "0/0"), 1, ("expand", 1)),
        (ladder("1/6", "0/0"), 1, ("escalate", 2)),
        (ladder("0/3", "2/3", "0/0"), 2, ("de-escalate", 1)),
        (ladder("0/6", "2/3", "0/0"), 2, ("declare MTD", 1)),
        (ladder("1/6", "2/6"), 2, ("declare MTD", 1)),
        (ladder("2/3", "0/0"), 1, ("stop",)),
        (ladder("2/2", "0/0"), 1, ("stop",)),
        (ladder("0/3", "0/3"), 2, ("expand", 2)),
        (ladder("0/3", "0/6"), 2, ("declare MTD", 2)),
        (ladder("0/3", "1/6"), 2, ("declare MTD", 2)),
        (ladder("0/3", "2/3"), 1, ("expand", 1)),
        (ladder("0/2", "0/0"), 1, ("stay", 1)),
        (ladder("0/0", "0/0"), 1, ("stay", 1)),
        (ladder("1/5", "0/0"), 1, ("expand", 1)),
        (ladder("2/12", "0/0"), 1, ("escalate", 2)),
        (ladder("3/12", "0/0"), 1, ("stop",)),
    ],
)
def test_three_plus_three_by_example(levels, current, expected):
    assert advised(levels, current) == expected


def test_participants_in_their_window_hold_the_advice():
    advice = three_plus_three(ladder("0/3", "0/2", "0/0", pending=1), 2)
    assert (advice.action, advice.next_levels, advice.is_held) == (DoseAction.WAIT, (2,), True)
    assert str(advice.reason) == "Wait for 1 participant at level 2 whose window is not over."


def test_two_dlts_are_not_waited_for():
    assert advised(ladder("0/3", "2/2", "0/0", pending=1), 2) == ("de-escalate", 1)


def test_a_closed_level_is_not_entered_and_is_left():
    assert advised(ladder("0/3", "0/0", closed=[2]), 1) == ("expand", 1)
    assert advised(ladder("0/3", "0/3", "0/0", closed=[2]), 2) == ("de-escalate", 1)
    assert advised(ladder("0/6", "0/3", closed=[2]), 2) == ("declare MTD", 1)


def test_advice_tells_its_rule_and_the_figures_that_it_rests_on():
    advice = three_plus_three(ladder("0/3", "2/3"), 2)
    assert (advice.rule, advice.version) == ("3+3", "Storer 1989; tracker 1")
    assert advice.figures["eliminated"] == [2]
    assert advice.figures["levels"][1] == {"level": 2, "n": 3, "dlt": 2, "pending": 0, "is_closed": False}
    assert str(advice.reason) == "Level 1 needs six participants, 3 more: 0 of 3 had a DLT."


COUNTS = st.integers(0, 12).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
SEEN = st.tuples(COUNTS, st.integers(0, 3), st.booleans())


@given(
    st.sampled_from(EscalationRule),
    st.integers(2, 4),
    st.integers(2, 4),
    st.data(),
    st.sampled_from([0.2, 0.25, 0.3, 0.33]),
)
@settings(deadline=None, max_examples=400)
def test_no_rule_leads_to_or_past_an_eliminated_or_closed_dose(rule, rows, columns, data, target):
    pairs = [(row + 1, column + 1) for row in range(rows) for column in range(columns)]
    is_pair = rule is EscalationRule.BOIN_COMB
    names = pairs if is_pair else [row for row, _column in pairs[::columns]]
    seen = data.draw(st.lists(SEEN, min_size=len(names), max_size=len(names)))
    levels = [Level(name, n, dlt, pending, closed) for name, ((n, dlt), pending, closed) in zip(names, seen)]
    current = data.draw(st.sampled_from(names))
    advice = next_dose(rule, levels, current, target, maximum_n=data.draw(st.sampled_from([None, 30])))
    table = interval_table(target, 30)

    def is_toxic(one):
        if rule is EscalationRule.THREE_PLUS_THREE:
            return one.dlt >= 2 and one.dlt / one.n > 1 / 6
        return one.n >= 3 and one.dlt >= table["eliminate_at_least"].loc[one.n]

    def at_or_above(level, low):
        return (level[0] >= low[0] and level[1] >= low[1]) if is_pair else level >= low

    toxic = [one.level for one in levels if is_toxic(one)]
    entered = () if advice.action is DoseAction.WAIT else advice.next_levels
    for level in entered:
        assert level in names
        assert not any(at_or_above(level, low) for low in toxic)
        if level != current or advice.action is DoseAction.DECLARE_MTD:
            assert not next(one for one in levels if one.level == level).is_closed
    if advice.action is DoseAction.ESCALATE:
        steps = [sum(level) - sum(current) if is_pair else level - current for level in entered]
        assert set(steps) == {1}
        assert not next(one for one in levels if one.level == current).pending
    if advice.action in (DoseAction.STAY, DoseAction.EXPAND) and not advice.is_held:
        assert entered == (current,)
    assert (advice.action is DoseAction.STOP) == (not advice.next_levels and not advice.is_held)
    assert str(advice.reason)


@pytest.mark.parametrize(
    "call",
    [
        lambda: three_plus_three([], 1),
        lambda: three_plus_three(ladder("0/3"), 2),
        lambda: three_plus_three([Level(1), Level(1)], 1),
        lambda: Level(1, 3, 4),
        lambda: Level(1, 3, -1),
        lambda: Level(1, 3, 1, -1),
    ],
)
def test_what_is_no_ladder_raises(call):
    with pytest.raises(ValueError):
        call()
