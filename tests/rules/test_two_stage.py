"""An arm in Simon's design of 0.1 against 0.3: stop with 1 of 10 or fewer, promising with more than 5 of 29."""

import pytest

from tracker.rules.two_stage import stage_state
from tracker.stats.two_stage import Design, unbiased_rate
from tracker.terms.escalation import StageAction

SIMON = Design(1, 10, 5, 29)


def state(responders, others, pending=0):
    return stage_state(SIMON, [True] * responders + [False] * others + [None] * pending)


@pytest.mark.parametrize(
    "seen, stage, needed, action, is_crossed",
    [
        ((0, 0), 1, 2, StageAction.CONTINUE, False),
        ((1, 5), 1, 1, StageAction.CONTINUE, False),
        ((1, 8, 1), 1, 1, StageAction.WAIT, False),
        ((0, 9), 1, 2, StageAction.STOP_FUTILITY, True),  # one more cannot make two
        ((1, 9), 1, 1, StageAction.STOP_FUTILITY, True),
        ((2, 3), 1, 4, StageAction.CONTINUE, True),  # stage 2 is sure to open
        ((2, 8), 2, 4, StageAction.CONTINUE, True),
        ((2, 10), 2, 4, StageAction.CONTINUE, False),
        ((4, 20, 5), 2, 2, StageAction.WAIT, False),
        ((6, 10), 2, 0, StageAction.PROMISING, True),
        ((5, 24), 2, 1, StageAction.NOT_PROMISING, True),
        ((2, 24), 2, 4, StageAction.NOT_PROMISING, True),  # three more cannot make six
    ],
)
def test_where_an_arm_stands(seen, stage, needed, action, is_crossed):
    found = state(*seen)
    assert (found.stage, found.needed, found.action, found.is_crossed) == (stage, needed, action, is_crossed)


def test_stage_1_is_of_the_first_ten_only():
    """Two responders, but one of them was the eleventh."""
    found = stage_state(SIMON, [True] + [False] * 9 + [True])
    assert (found.stage, found.n, found.responders, found.action) == (1, 10, 1, StageAction.STOP_FUTILITY)


def test_later_participants_do_not_count():
    found = stage_state(SIMON, [True] * 5 + [False] * 24 + [True] * 3)
    assert (found.n, found.responders, found.action) == (29, 5, StageAction.NOT_PROMISING)


def test_the_rate_is_given_once_the_design_has_ended():
    assert state(6, 10).rate is None
    assert state(6, 23).rate == unbiased_rate(6, SIMON) > 6 / 29
    assert state(1, 9).rate == 0.1


def test_the_state_says_why():
    assert str(state(1, 5).reason) == "1 responder more among the first 10 opens stage 2."
    assert str(state(2, 8).reason) == (
        "Stage 2 is open: 4 responders more among 29 make the treatment promising."
    )
    assert str(state(0, 9).reason) == "At most 1 of the first 10 can respond: the arm stops."
