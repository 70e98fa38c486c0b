"""BOIN, for one agent and for two, against R's BOIN."""

import numpy as np
import pytest

from tests.references import references
from tracker.rules.advice import Level
from tracker.rules.boin import boin, boin_combination, select_mtd, select_mtd_pairs
from tracker.stats.dose_finding import interval_table


def levels(n, dlt, pending=None, closed=()):
    pending = pending or [0] * len(n)
    return [
        Level(place, *seen, is_closed=place in closed)
        for place, seen in enumerate(zip(n, dlt, pending), start=1)
    ]


def pairs(n, dlt, **more):
    """Matrices of counts as levels named (row, column), from 1."""
    return [
        Level(
            (row + 1, column + 1),
            int(count),
            int(np.asarray(dlt)[row, column]),
            **more.get((row + 1, column + 1), {}),
        )
        for (row, column), count in np.ndenumerate(np.asarray(n))
    ]


def advised(advice):
    return advice.action.value, *advice.next_levels


@pytest.mark.parametrize("target", [0.2, 0.25, 0.3])
def test_advice_at_a_level_follows_the_table(target):
    for n, row in interval_table(target, 15).iloc[2:].iterrows():
        for dlt in range(n + 1):
            advice = boin(levels([3, n, 0], [0, dlt, 0]), 2, target)
            expected = ("stay", 2)
            if dlt <= row["escalate_at_most"]:
                expected = ("escalate", 3)
            elif dlt >= row["de_escalate_at_least"]:
                expected = ("de-escalate", 1)
            assert advised(advice) == expected


def test_a_level_above_an_eliminated_one_is_never_entered():
    assert advised(boin(levels([3, 6, 3], [0, 0, 3]), 2, 0.3)) == ("stay", 2)


def test_an_eliminated_lowest_level_stops_the_arm():
    advice = boin(levels([3, 0], [3, 0]), 1, 0.3)
    assert advised(advice) == ("stop",)
    assert advice.figures["eliminated"] == [1, 2]


def test_the_lowest_level_is_kept_while_it_is_not_eliminated():
    assert advised(boin(levels([3, 0], [2, 0]), 1, 0.3)) == ("stay", 1)


def test_the_highest_level_is_kept():
    assert advised(boin(levels([3, 3], [0, 0]), 2, 0.3)) == ("stay", 2)


def test_the_first_cohort_of_a_level_is_completed_before_it_is_judged():
    held = boin(levels([3, 2, 0], [0, 0, 0]), 2, 0.3)
    assert (advised(held), held.is_held) == (("stay", 2), True)
    assert str(held.reason) == "The cohort at level 2 is not complete: enrol 1 participant more."
    assert advised(boin(levels([3, 1, 0], [0, 0, 0]), 2, 0.3, cohort_size=1)) == ("escalate", 3)


def test_participants_in_their_window_hold_the_advice_unless_it_goes_down_whatever_they_have():
    advice = boin(levels([3, 1, 0], [0, 0, 0], [0, 2, 0]), 2, 0.3)
    assert advised(advice) == ("wait", 2)
    assert str(advice.reason) == "Wait for 2 participants at level 2 whose windows are not over."
    assert advised(boin(levels([3, 1, 0], [0, 1, 0], [0, 2, 0]), 2, 0.3)) == ("wait", 2)  # 1 of 3 would stay
    assert advised(boin(levels([3, 2, 0], [0, 2, 0], [0, 1, 0]), 2, 0.3)) == (
        "de-escalate",
        1,
    )  # 2 of 3 at least


def test_advice_tells_the_boundaries_that_it_rests_on():
    advice = boin(levels([3, 3], [0, 1]), 2, 0.3)
    assert advice.version == "BOIN 2.7.2 boundaries; tracker 1"
    assert advice.figures["lambda_e"] == pytest.approx(0.23649069)
    assert advice.figures["lambda_d"] == pytest.approx(0.35851946)
    assert (advice.figures["target"], advice.figures["current"]) == (0.3, 2)


def test_at_the_maximum_the_mtd_is_selected_once_nobody_is_pending():
    seen = [3, 3, 15, 9, 0], [0, 0, 4, 4, 0]
    assert advised(boin(levels(*seen), 3, 0.3, maximum_n=30)) == ("declare MTD", 3)
    assert advised(boin(levels(*seen, pending=[0, 0, 0, 1, 0]), 3, 0.3, maximum_n=30)) == ("wait",)
    assert advised(boin(levels([3, 3], [1, 2]), 1, 0.25, maximum_n=6)) == ("stop",)


@pytest.mark.parametrize("case", references("boin.mtd"))
def test_the_mtd_agrees_with_r(case):
    asked = case["input"]
    assert select_mtd(levels(asked["treated"], asked["dlt"]), 0.3, bounded=False)[0] == (
        case["expected"]["mtd"],
    )


def test_by_default_the_mtd_lies_below_the_boundary():
    """3 of 6 at level 3: R's BOIN chooses it unless boundMTD=TRUE, and then level 2."""
    chosen, estimates = select_mtd(levels([3, 3, 6, 0, 0], [0, 0, 3, 0, 0]), 0.3)
    assert chosen == (2,)
    assert estimates[3] == pytest.approx(0.5)


def test_of_equal_estimates_the_highest_below_and_the_lowest_above_the_target_is_the_mtd():
    """As R's BOIN documents: 1/6 and 1/6 pool below 0.3; 2/6 and 2/6 above it, without the bound."""
    assert select_mtd(levels([6, 6], [1, 1]), 0.3)[0] == (2,)
    assert select_mtd(levels([6, 6], [2, 2]), 0.3, bounded=False)[0] == (1,)


def test_no_mtd_where_nothing_was_tried_or_all_is_toxic():
    assert select_mtd(levels([0, 0], [0, 0]), 0.3) == ((), {})
    assert select_mtd(levels([3, 0], [3, 0]), 0.3) == ((), {})
    assert select_mtd(levels([3, 3], [0, 0], closed=[1, 2]), 0.3)[0] == ()
    assert select_mtd_pairs(pairs([[3]], [[3]]), 0.3)[0] == ()


@pytest.mark.parametrize("case", references("boin.comb.next"))
def test_the_next_pair_agrees_with_r(case):
    """R draws one of equals; here all of them are told."""
    asked = case["input"]
    advice = boin_combination(pairs(asked["treated"], asked["dlt"]), tuple(asked["current"]), asked["target"])
    expected = case["expected"]["one_of"] if isinstance(case["expected"], dict) else [case["expected"]]
    assert [list(pair) for pair in advice.next_levels] == expected


@pytest.mark.parametrize("case", references("boin.comb.mtd"))
def test_the_mtd_of_pairs_agrees_with_r(case):
    found, _estimates = select_mtd_pairs(
        pairs(case["input"]["dlt"] and case["input"]["treated"], case["input"]["dlt"]), 0.3
    )
    assert found == (tuple(case["expected"]["mtd"]),)


def test_of_equal_pairs_the_one_that_more_had_is_next():
    """Both steps up are untried but one: R adds 0.0005 a participant to the chance."""
    n, dlt = [[3, 0, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]
    assert boin_combination(pairs(n, dlt), (1, 1), 0.3).next_levels == ((1, 2), (2, 1))
    n, dlt = [[3, 3, 0], [0, 0, 0]], [[0, 1, 0], [0, 0, 0]]
    assert boin_combination(pairs(n, dlt), (1, 1), 0.3).next_levels == ((1, 2),)


def test_an_eliminated_pair_takes_those_above_it_out():
    n, dlt = [[3, 3, 0], [3, 0, 0], [0, 0, 0]], [[0, 3, 0], [0, 0, 0], [0, 0, 0]]
    advice = boin_combination(pairs(n, dlt), (2, 1), 0.3)
    assert advice.figures["eliminated"] == [(1, 2), (1, 3), (2, 2), (2, 3), (3, 2), (3, 3)]
    assert advice.next_levels == ((3, 1),)


def test_an_eliminated_current_pair_is_left_downwards():
    n, dlt = [[3, 3], [0, 3]], [[0, 0], [0, 3]]
    advice = boin_combination(pairs(n, dlt), (2, 2), 0.3)
    assert advised(advice)[0] == "de-escalate"
    assert set(advice.next_levels) <= {(1, 2), (2, 1)}
    n, dlt = [[3, 3], [3, 3]], [[0, 3], [3, 3]]
    assert boin_combination(pairs(n, dlt), (2, 2), 0.3).next_levels == ((1, 1),)


def test_pairs_that_stay_wait_stop_and_end():
    assert advised(boin_combination(pairs([[3, 0]], [[1, 0]]), (1, 1), 0.3)) == ("stay", (1, 1))
    assert advised(boin_combination(pairs([[3, 0]], [[3, 0]]), (1, 1), 0.3)) == ("stop",)
    waiting = [Level((1, 1), 2, 0, 1), Level((1, 2))]
    assert advised(boin_combination(waiting, (1, 1), 0.3)) == ("wait", (1, 1))
    tied = boin_combination(pairs([[6, 6], [6, 0]], [[0, 1], [1, 0]]), (1, 1), 0.3, maximum_n=18)
    assert advised(tied) == ("declare MTD", (1, 2), (2, 1))
