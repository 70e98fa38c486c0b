"""The outcomes report: its arithmetic on typed rows, and real cohorts from file to table."""

import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tracker.exchange.importing import import_file
from tracker.reports.base import run_report
from tracker.reports.outcomes import COLUMNS, build

MAPPINGS = Path(__file__).parents[1] / "exchange" / "mappings"

TEXTS = [
    "trial",
    "arm",
    "cohort",
    "regimen",
    "combination",
    "tumor_location",
    "diagnosis",
    "subtype",
    "prior_lines",
    "setting",
    "best_response",
    "best_confirmed",
    "best_unconfirmed",
    "source",
]
BEST = ["best_response", "best_confirmed", "best_unconfirmed"]
TREATED = {
    "trial_id": 1,
    "trial": "CCI-017",
    "setting": "advanced",
    "treated": True,
    "pending": False,
    "source": "reported",
    "response_recorded": True,
    "non_target_only": False,
}


def participants(*rows):
    """A frame of participants, each given by what differs from a treated one of a dated trial."""
    frame = pd.DataFrame([TREATED | row for row in rows], columns=[*TREATED, *TEXTS[1:9], *BEST])
    for name in ("clinical_benefit", "benefit_confirmed", "benefit_unconfirmed", "pcr"):
        frame[name] = pd.Series([row.get(name) for row in rows], dtype="boolean")
    return frame.astype(
        dict.fromkeys(TEXTS, "str")
        | dict.fromkeys(["treated", "pending", "response_recorded", "non_target_only"], bool)
    )


def responses(*terms, **common):
    return [{"best_response": term, **common} for term in terms]


def table(frame, **parameters):
    return build(frame, **parameters).tables[0]


def only(frame, **parameters):
    (row,) = table(frame, **parameters).rows
    return row


def notes(frame, **parameters):
    return " ".join(str(note) for note in table(frame, **parameters).notes)


def counts(row):
    return [row[name] for name in ("n", "responders", "cr", "pr", "sd", "pd", "ne")]


def test_response_is_cr_or_pr_over_the_treated():
    row = only(participants(*responses("CR", "PR", "SD", "SD", "PD", "NE", None)))
    assert counts(row) == [7, 2, 1, 1, 2, 1, 2]
    assert row["orr"] == 2 / 7
    assert (row["orr_low"], row["orr_high"]) == pytest.approx((0.036693, 0.709579), abs=1e-6)
    assert row["dcr"] == 4 / 7
    assert (row["derived"], row["reported"]) == (0, 7)


def test_the_columns_are_those_that_others_rely_on():
    frame = participants(*responses("CR", arm="CCI-017/A", tumor_location="LUNG"))
    assert list(table(frame).frame.columns) == ["group", *COLUMNS]
    assert list(table(frame, by=["arm", "tumor_location"]).frame.columns) == [
        "arm",
        "tumor_location",
        *COLUMNS,
    ]
    assert " ".join(COLUMNS) == (
        "n responders orr orr_low orr_high dcr dcr_low dcr_high cbr cbr_low cbr_high"
        " cr pr sd pd ne pending derived reported"
    )
    assert only(frame)["group"] == "all"


def test_the_evaluable_leave_out_whose_response_is_not_known():
    frame = participants(*responses("PR", "PD", "NE", None))
    assert counts(only(frame)) == [4, 1, 0, 1, 0, 1, 2]
    assert counts(only(frame, population="evaluable")) == [2, 1, 0, 1, 0, 1, 0]


def test_who_is_pending_or_not_treated_is_in_no_denominator():
    frame = participants(
        {"best_response": "PR"}, {"best_response": "PR", "pending": True}, {"treated": False, "source": None}
    )
    row = only(frame)
    assert (row["n"], row["responders"], row["pending"], row["reported"]) == (1, 1, 1, 1)
    assert "Pending participants" in notes(frame)
    assert "without a first dose: 1;" in notes(frame)


def test_a_trial_that_records_no_response_is_in_no_denominator():
    silent = {"trial": "OAK", "trial_id": 2, "response_recorded": False, "source": None}
    frame = participants({"best_response": "PR"}, {}, silent, silent)
    assert counts(only(frame))[:2] == [2, 1]
    assert "no response of anybody: 2 participants (OAK)" in notes(frame)
    assert "of anybody" not in notes(frame, endpoint="pcr")


def test_where_only_responder_is_told_categories_are_not_known():
    told, vague = {"arm": "T/A"}, {"arm": "T/B"}
    frame = participants(
        *responses("CR", "PD", **told), *responses("responder", "non-responder", "SD", **vague)
    )
    first, second = table(frame, by=["arm"]).rows
    assert counts(first) == [2, 1, 1, 0, 0, 1, 0]
    assert counts(second) == [3, 1, None, None, None, None, None]
    assert (second["orr"], second["dcr"], second["dcr_low"], second["cbr"]) == (1 / 3, None, None, None)
    assert "only responder or non-responder" in notes(frame, by=["arm"])


def test_clinical_benefit_is_recorded_or_follows_from_the_response():
    frame = participants(
        {"best_response": "SD", "clinical_benefit": True},
        {"best_response": "SD", "clinical_benefit": False},
        {"best_response": "SD"},
        {"best_response": "PR"},
        {"best_response": "PD"},
        {},
    )
    assert only(frame)["cbr"] == 2 / 6
    assert "is recorded: 2;" in notes(frame)
    assert only(participants(*responses("PR", "SD")))["cbr"] == 1 / 2
    assert only(participants(*responses("SD", "NE")))["cbr"] is None


def test_a_recorded_benefit_counts_where_only_responder_is_told():
    frame = participants(
        {"best_response": "non-responder", "clinical_benefit": True},
        {"best_response": "non-responder", "clinical_benefit": False},
        {"best_response": "responder", "clinical_benefit": True},
    )
    row = only(frame)
    assert (row["orr"], row["cbr"], row["dcr"]) == (1 / 3, 2 / 3, None)


def test_confirmed_or_unconfirmed_responses_count_as_asked_for():
    course = {"source": "derived", "best_confirmed": "SD", "best_unconfirmed": "PR", "clinical_benefit": True}
    course |= {"benefit_confirmed": False, "benefit_unconfirmed": True, "best_response": "PR"}
    frame = participants(course, *responses("PR", best_confirmed="PR", best_unconfirmed="PR"))
    assert [only(frame, response=how)["responders"] for how in (None, "confirmed", "unconfirmed")] == [
        2,
        1,
        2,
    ]
    assert [only(frame, response=how)["cbr"] for how in (None, "confirmed", "unconfirmed")] == [1, 0.5, 1]
    assert (only(frame)["derived"], only(frame)["reported"]) == (1, 1)
    assert "when confirmed 28 days later." in notes(frame, response="confirmed")
    assert "Outcomes derived: 1; as reported: 1." in notes(frame)


def test_stable_disease_without_target_lesions_is_pointed_out():
    frame = participants({"best_response": "SD", "non_target_only": True, "source": "derived"})
    assert only(frame)["sd"] == 1
    assert "neither CR nor PD: 1;" in notes(frame)


def test_pathological_complete_response_has_only_its_rate():
    frame = participants({"pcr": True}, {"pcr": False, "best_response": "PR"}, {"best_response": "CR"})
    row = only(frame, endpoint="pcr")
    assert (row["n"], row["responders"], row["orr"]) == (3, 1, 1 / 3)
    known = {"group", "n", "responders", "orr", "orr_low", "orr_high", "pending", "derived", "reported"}
    assert {name for name, value in row.items() if value is not None} == known
    assert only(frame, endpoint="pcr", population="evaluable")["n"] == 2
    assert "pathological complete response" in notes(frame, endpoint="pcr")


def test_nobody_has_no_rate():
    empty = participants()
    row = only(empty)
    assert counts(row) == [0] * 7
    assert {row[name] for name in ("orr", "orr_low", "orr_high", "dcr", "cbr")} == {None}
    assert table(empty, by=["trial"]).rows == []
    assert only(participants({"treated": False}), by=["trial"])["orr"] is None


def test_groups_are_in_the_order_of_their_values_and_what_is_not_stated_comes_last():
    lines = ["2", "10+", None, "0", "1+"]
    frame = participants(*({"prior_lines": line, "arm": "b/A" if line else "A/B"} for line in lines))
    assert [row["prior_lines"] for row in table(frame, by=["prior_lines"]).rows] == [
        "0",
        "2",
        "10+",
        "1+",
        None,
    ]
    assert [(row["arm"], row["prior_lines"]) for row in table(frame, by=["arm", "prior_lines"]).rows] == [
        ("A/B", None), ("b/A", "0"), ("b/A", "2"), ("b/A", "10+"), ("b/A", "1+"),
    ]  # fmt: skip


def test_cohorts_of_one_name_in_several_trials_are_pointed_out():
    frame = participants({"cohort": "A"}, {"cohort": "A", "trial": "INSPIRE", "trial_id": 2})
    assert "bear one name" in notes(frame, by=["cohort"])
    assert "bear one name" not in notes(frame, by=["trial", "cohort"])
    assert "bear one name" not in notes(frame[:1], by=["cohort"])


def test_the_headline_is_of_all_groups_unless_they_are_of_different_settings():
    frame = participants(*responses("PR", "PD", trial="A"), *responses("PR", "SD", "SD", trial="B"))
    result = build(frame, by=["trial"])
    row = result.headline.rows[0]
    shown = {name: column.text(row) for name, column in result.headline.shown.items()}
    assert shown == {"n": "5", "responders": "2", "orr": "40.0%", "pending": "0"}
    assert str(result.sentence).startswith("2 of 5 participants responded. That is 40.0%")
    mixed = frame.assign(setting=["adjuvant", "adjuvant", "advanced", "advanced", "advanced"])
    assert "orr" not in build(mixed, by=["trial"]).headline.shown


def test_too_few_have_no_percentage():
    few = table(participants(*responses("PR", "PD", "PD")))
    assert few.shown["orr"].text(few.rows[0]) == "1/3"
    assert few.shown["orr"].detail(few.rows[0]) == "(0.8–90.6)"
    assert few.rows[0]["orr"] == 1 / 3  # files keep the number
    assert "too few" in str(build(participants(*responses("PR", "PD", "PD"))).sentence)
    assert "Too few" in " ".join(map(str, few.notes))
    none = table(participants())
    assert none.shown["orr"].text(none.rows[0]) == "—"


def test_the_figure_draws_the_largest_groups_and_tells_of_each():
    frame = participants(
        *(row for number in range(45) for row in responses("PR", trial=f"T{number:02}")),
        *responses(*["SD"] * 6, trial="T44"),
    )
    figure = build(frame, by=["trial"]).figures[0]
    assert len(figure.data) == 45
    drawn = str(figure.svg(760))
    assert drawn.count("data-readout") == 40
    assert "T44: 1/7, ORR (95% CI) 14.3%" in drawn
    assert "responders/treated" in drawn


def test_a_hundred_thousand_participants_take_no_time():
    rng, n = np.random.default_rng(1), 100_000
    frame = participants(*responses("CR", "PR", "SD", "PD", "NE", None, tumor_location="LUNG", trial="A"))
    frame = frame.iloc[rng.integers(0, len(frame), n)].reset_index(drop=True)
    best = min(_seconds(frame) for _ in range(3))
    assert best < 0.4  # 0.05 s on two cores; the margin is for a busy machine


def _seconds(frame):
    start = time.process_time()
    build(frame, by=["trial", "tumor_location"])
    return time.process_time() - start


# Real cohorts, from their file to the table, against numbers computed elsewhere.


@pytest.fixture
def checks(shared):
    """Reference rates: {(data set, quantity): (x, n, rate, low, high)}."""
    found = {}
    for row in pd.read_csv(shared / "data/real/checks.csv").itertuples():
        if match := re.fullmatch(r"(.*) x/n=(\d+)/(\d+)", row.quantity):
            x, n = int(match[2]), int(match[3])
            found[row.dataset, match[1]] = x, n, float(row.value), float(row.lo95), float(row.hi95)
    return found


def matches(row, rate, reference):
    x, n, value, low, high = reference
    is_same_count = row["n"] == n and round(row[rate] * n) == x
    return is_same_count and (row[rate], row[f"{rate}_low"], row[f"{rate}_high"]) == pytest.approx(
        (value, low, high), abs=1e-4
    )


def test_chowell(app, shared, checks):
    import_file(shared / "data/real/loris/chowell_1479.csv", MAPPINGS / "chowell.toml")
    dataset = "loris/chowell_1479"
    result = run_report("outcomes", [("trial", "CHOWELL")])
    (row,) = result.tables[0].rows
    assert matches(row, "orr", checks[dataset, "ORR all"])
    assert (row["dcr"], row["cbr"], row["reported"], result.data_cutoff) == (None, None, 1479, None)
    rows = run_report("outcomes", [("trial", "CHOWELL"), ("by", "diagnosis")]).tables[0].rows
    assert len(rows) == 16
    for row in rows:
        assert matches(row, "orr", checks[dataset, f"ORR {row['diagnosis']}"]), row["diagnosis"]


def test_inspire(app, shared, checks):
    import_file(shared / "data/real/inspire/pembrolizumab.csv", MAPPINGS / "inspire.toml")
    dataset = "inspire/pembrolizumab"
    (row,) = run_report("outcomes", []).tables[0].rows
    assert matches(row, "orr", checks[dataset, "ORR all"])
    rows = {row["cohort"]: row for row in run_report("outcomes", [("by", "cohort")]).tables[0].rows}
    assert list(rows) == list("ABCDE")
    for cohort, row in rows.items():
        assert matches(row, "orr", checks[dataset, f"ORR cohort {cohort}"]), cohort
        assert matches(row, "cbr", checks[dataset, f"CBR cohort {cohort}"]), cohort
    assert rows["B"]["orr_low"] == 0
    assert rows["B"]["orr_high"] == pytest.approx(0.1853, abs=1e-4)
