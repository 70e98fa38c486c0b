"""What leaves the trial team tells of no single person, and no small number can be computed from it."""

import json

import numpy as np
import pandas as pd
import pytest

from tests.factories import make_participant, make_reported_outcome, make_trial
from tracker.exchange.result import report_file
from tracker.reports.base import Table, all_reports
from tracker.reports.sharing import SHARED, _shared, _told
from tracker.values import Refusal

LEAST = 5


def shared(slug, name, rows):
    table = Table(name, name, pd.DataFrame(rows))
    return _shared(table, SHARED[slug][name], LEAST, {}).rows


def small(count):
    return count is not None and 0 < count < LEAST


def test_a_row_of_few_is_left_out_with_all_that_it_rests_on_and_the_next_smallest():
    rows = [
        {"trial": "A", "n": 40, "responders": 12, "orr": 0.3, "orr_low": 0.17, "orr_high": 0.47},
        {"trial": "B", "n": 30, "responders": 2, "orr": 0.067, "orr_low": 0.01, "orr_high": 0.22},
        {"trial": "C", "n": 20, "responders": 6, "orr": 0.3, "orr_low": 0.12, "orr_high": 0.54},
        {"trial": "D", "n": 90, "responders": 0, "orr": 0.0, "orr_low": 0.0, "orr_high": 0.04},
    ]
    nothing = dict.fromkeys(("n", "responders", "orr", "orr_low", "orr_high"))
    assert shared("outcomes", "response", rows) == [
        rows[0],
        {"trial": "B", **nothing},
        {"trial": "C", **nothing},
        rows[3],
    ]


@pytest.mark.parametrize(
    "sizes, told",
    [
        ((40, 1, 1, 90), (None, None, None, 90)),
        ((40, 1, 1, 1, 1, 1, 90), (None, None, None, None, None, None, 90)),
        ((40, 2, 3, 2, 90), (40, None, None, None, 90)),
    ],
)
def test_rows_that_are_left_out_are_not_few_together(sizes, told):
    """Of 132 people 40 and 90 are told: the other two rows would be of one person each."""
    rows = [{"trial": f"T{place}", "n": n, "responders": 0} for place, n in enumerate(sizes)]
    assert tuple(row["n"] for row in shared("outcomes", "response", rows)) == told


def test_at_each_landmark_one_small_group_takes_another():
    rows = [
        {"group": group, "month": month, "at_risk": at_risk, "survival": 0.5, "low": 0.4, "high": 0.6}
        for month, known in ((12.0, (20, 30, 3)), (24.0, (4, 25, 28)))
        for group, at_risk in zip("ABC", known)
    ]
    told = [row["at_risk"] for row in shared("survival", "landmark", rows)]
    assert told == [None, 30, None, None, None, 28]


def test_who_is_left_of_a_whole_counts_too():
    (row,) = shared("outcomes", "response", [{"group": "all", "n": 20, "responders": 18, "orr": 0.9}])
    assert row == {"group": "all", "n": None, "responders": None, "orr": None}


def test_one_small_response_takes_the_others_with_it_but_not_the_rate():
    row = {
        "group": "all",
        "n": 40,
        "responders": 12,
        "orr": 0.3,
        "cr": 3,
        "pr": 9,
        "sd": 15,
        "pd": 13,
        "ne": 0,
    }
    row["dcr"] = 0.675
    (told,) = shared("outcomes", "response", [row])
    assert told == {**row, **dict.fromkeys(("cr", "pr", "sd", "pd", "ne", "dcr"))}


def test_a_landmark_that_few_reached_or_few_missed_is_left_out():
    rows = [
        {"group": "all", "month": 6.0, "at_risk": 40, "survival": 0.95, "low": 0.8, "high": 0.99},
        {"group": "all", "month": 12.0, "at_risk": 30, "survival": 0.7, "low": 0.5, "high": 0.8},
        {"group": "all", "month": 24.0, "at_risk": 3, "survival": 0.2, "low": 0.1, "high": 0.4},
    ]
    assert [row["survival"] for row in shared("survival", "landmark", rows)] == [None, 0.7, None]


def test_what_is_not_named_is_not_shared():
    (row,) = shared(
        "outcomes", "response", [{"group": "all", "n": 20, "responders": 9, "participant": "P-1"}]
    )
    assert row == {"group": "all", "n": 20, "responders": 9}


@pytest.mark.parametrize("seed", range(20))
def test_no_small_count_can_be_computed_from_what_is_told(seed):
    """By column, by whole less part, and by the total of the column, which another file tells."""
    chance = np.random.default_rng(seed)
    size = int(chance.integers(2, 9))
    n = chance.integers(0, 30, size)
    parts = np.array([chance.multinomial(total, [0.1, 0.2, 0.4, 0.2, 0.1]) for total in n])
    frame = pd.DataFrame(parts, columns=["cr", "pr", "sd", "pd", "ne"])
    frame.insert(0, "trial", [f"T{number}" for number in range(size)])
    frame["n"], frame["responders"] = n, frame["cr"] + frame["pr"]
    frame["orr"] = frame["responders"] / frame["n"].where(n > 0)
    frame["dcr"] = (frame["responders"] + frame["sd"]) / frame["n"].where(n > 0)
    rows = shared("outcomes", "response", frame)
    for row in rows:
        assert not any(small(row[name]) for name in ("n", "responders", "cr", "pr", "sd", "pd", "ne"))
        if row["n"] is None:
            assert row["responders"] is row["orr"] is row["cr"] is row["dcr"] is None
        else:
            assert not small(row["n"] - row["responders"])
            family = [row[name] is None for name in ("cr", "pr", "sd", "pd", "ne", "dcr")]
            assert not row["n"] or len(set(family)) == 1
    for name in ("n", "cr"):
        hidden = [place for place, row in enumerate(rows) if row[name] is None and n[place]]
        shown = [place for place, row in enumerate(rows) if row[name]]
        rest = sum(frame[name][place] for place in hidden)
        assert len(hidden) != 1 or not shown, "one alone is the total less the others"
        assert not small(rest) or not shown, "all that are left out are few together"
        assert not hidden or rest != len(hidden) or name != "n" or not shown, "each of them is one person"


def test_of_grades_one_small_group_takes_the_next_smallest_of_the_same_term():
    grades = dict.fromkeys(("g2", "g3", "g4", "g5"), 0)
    rows = [
        {"trial": trial, "soc": "Skin", "term": "Rash", "n": 40, "any": many, "g1": many, **grades}
        for trial, many in (("A", 2), ("B", 9), ("C", 20))
    ]
    assert [row["any"] for row in shared("safety", "worst_grade", rows)] == [None, None, 20]


def test_a_small_count_in_a_note_says_only_that_it_is_small():
    few = "Left out because consent is withdrawn: "
    assert _told(f"{few}2.", 5) == f"{few}fewer than 5."
    many = "Participants: 12; RECIST 1.1; at least 4 weeks."
    assert _told(many, 5) == many


def test_who_benefited_is_a_count_though_only_its_rate_is_told():
    row = {
        "group": "all",
        "n": 20,
        "responders": 0,
        "orr": 0.0,
        "cr": 0,
        "pr": 0,
        "sd": 10,
        "pd": 10,
        "ne": 0,
    }
    (told,) = shared("outcomes", "response", [{**row, "cbr": 0.1}])
    assert (told["n"], told["sd"], told["cbr"]) == (20, None, None)


@pytest.fixture
def trial(app):
    trial = make_trial(code="SHARED-1")
    for place, responses in {"LUNG": ["CR"] * 6 + ["PD"] * 6, "SKIN": ["PD"] * 3}.items():
        for response in responses:
            participant = make_participant(trial=trial, tumor_location=place)
            make_reported_outcome(participant=participant, best_overall_response=response)
    return trial


def test_a_file_for_outside_has_no_figures_sentences_or_small_counts(trial):
    asked = [("by", "tumor_location"), ("trial", "SHARED-1")]
    within = json.loads(report_file("outcomes", "json", [*asked, ("share", "team")]))
    assert within["tables"] == json.loads(report_file("outcomes", "json", asked))["tables"]
    assert "share" not in within["parameters"]
    content = json.loads(report_file("outcomes", "json", [*asked, ("share", "outside")]))
    assert (content["parameters"]["share"], content["figures"]) == ("outside", [])
    lung, skin = content["tables"][0]["rows"]
    assert lung["n"] is skin["n"] is None, "the smaller one alone would be all less the other"
    for format in ("csv", "xlsx", "pdf"):
        assert report_file("outcomes", format, [*asked, ("share", "outside")])


@pytest.mark.parametrize(
    "slug, format, share",
    [
        ("waterfall", "csv", "outside"),
        ("escalation", "json", "outside"),
        ("outcomes", "svg", "outside"),
        ("outcomes", "csv", "all"),
    ],
)
def test_what_may_not_be_shared_is_refused(app, slug, format, share):
    with pytest.raises(Refusal) as refused:
        report_file(slug, format, [("share", share)])
    assert refused.value.status == 422


def test_of_every_report_it_is_decided_what_leaves(app):
    """Whatever is not named here stays in the team."""
    assert set(SHARED) <= set(all_reports())
    assert set(all_reports()) - set(SHARED) >= {"waterfall", "swimmer", "spider", "escalation"}
