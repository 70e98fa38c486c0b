"""What may be said about a marker, by the rules that DESIGN states and the page prints."""

import pytest

from tracker.rules.claims import Cell, Cells, claim, is_enough, why_unassessable
from tracker.terms.biomarker import MarkerClaim, Unassessable

IPASS = Cells(Cell(132, 94), Cell(91, 1), Cell(129, 61), Cell(85, 20))


def said(**given):
    known = dict(randomised=True, p_interaction=0.01, p_prognostic=0.5, is_opposite=False, p_qualitative=1.0)
    return claim(**known | given)


@pytest.mark.parametrize(
    "given, expected",
    [
        ({}, "predictive, quantitative"),
        ({"is_opposite": True, "p_qualitative": 0.04}, "predictive, qualitative"),
        ({"is_opposite": True, "p_qualitative": 0.06}, "predictive, quantitative"),
        ({"p_prognostic": 0.01}, "predictive and prognostic"),
        ({"is_opposite": True, "p_qualitative": 0.01, "p_prognostic": 0.01}, "predictive, qualitative"),
        ({"p_interaction": 0.05}, "not shown predictive"),
        ({"p_interaction": 0.8, "p_prognostic": 0.01}, "prognostic, not shown predictive"),
        ({"p_interaction": float("nan")}, "not shown predictive"),
        ({"p_prognostic": float("nan")}, "predictive, quantitative"),
        ({"randomised": False}, "interaction, not randomised"),
        ({"randomised": False, "p_interaction": 0.3}, "not shown predictive"),
        ({"randomised": False, "p_prognostic": 0.01, "p_qualitative": 0.0}, "interaction, not randomised"),
    ],
)
def test_what_is_said_follows_from_the_interaction(given, expected):
    assert said(**given) == MarkerClaim(expected)


def test_only_three_claims_say_predictive():
    assert [str(one) for one in MarkerClaim if one.is_predictive] == [
        "predictive, quantitative",
        "predictive, qualitative",
        "predictive and prognostic",
    ]


def test_ipass_is_enough_although_one_responds_in_one_cell():
    assert is_enough(IPASS, is_survival=False)
    assert why_unassessable(IPASS, assigned=False) is None


@pytest.mark.parametrize(
    "cells, is_survival, expected",
    [
        (IPASS._replace(treated_negative=Cell(9, 1)), False, False),
        (IPASS._replace(treated_negative=Cell(10, 0)), False, True),
        (Cells(Cell(20, 5), Cell(20, 2), Cell(20, 1), Cell(20, 1)), False, False),
        (Cells(Cell(20, 20), Cell(20, 20), Cell(20, 20), Cell(20, 11)), False, False),
        (Cells(Cell(9, 9), Cell(9, 1), Cell(9, 1), Cell(9, 9)), True, True),
        (Cells(Cell(50, 9), Cell(50, 0), Cell(50, 30), Cell(50, 30)), True, False),
        (Cells(Cell(50, 4), Cell(50, 30), Cell(50, 5), Cell(50, 30)), True, False),
    ],
)
def test_minimum_numbers(cells, is_survival, expected):
    assert is_enough(cells, is_survival=is_survival) is expected


@pytest.mark.parametrize(
    "cells, assigned, expected",
    [
        (IPASS, True, Unassessable.ASSIGNED),
        (IPASS._replace(comparator_positive=Cell(0, 0)), False, Unassessable.ONE_ARM_ALONE),
        (IPASS._replace(treated_negative=Cell(0, 0)), False, Unassessable.ONE_ARM_ALONE),
        (Cells(Cell(9, 1), Cell(9, 1), Cell(0, 0), Cell(0, 0)), False, Unassessable.UNKNOWN),
        (Cells(Cell(9, 1), Cell(0, 0), Cell(9, 1), Cell(0, 0)), False, None),
    ],
)
def test_a_comparison_that_the_marker_made_or_does_not_reach_is_not_assessable(cells, assigned, expected):
    assert why_unassessable(cells, assigned=assigned) is expected
