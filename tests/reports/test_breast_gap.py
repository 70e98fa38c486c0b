"""The gap between breast and other tumors: its guards on typed counts, a real cohort, and the literature."""

import itertools

import numpy as np
import pandas as pd
import pytest
from flask_babel import force_locale

from tests.factories import (
    make_assay,
    make_measurement,
    make_participant,
    make_reported_outcome,
    make_trial,
    make_trial_member,
    make_user,
)
from tests.reports.test_survival import MAPPINGS, chowell  # noqa: F401
from tracker import scope
from tracker.exchange.importing import import_file
from tracker.exchange.result import write
from tracker.reports.base import run_report
from tracker.reports.breast_gap import build
from tracker.roles import Role
from tracker.terms.location import GapClaim
from tracker.terms.trial import Setting, TrialStatus
from tracker.values import Refusal

TMB = "TMB (MSK-IMPACT)>=10"
ASSAYS = pd.DataFrame(
    {
        "assay_id": [1], "assay": ["PD-L1 score"], "biomarker_id": [1], "biomarker": ["PD-L1"], "kind": ["protein"],
        "scale": ["continuous"], "unit": [None], "positive_cutoff": [2.0],
    }
)  # fmt: skip

#: Kitagawa's example of REFERENCE_VALUES.json: responders and participants by stratum.
BREAST, OTHER = ([3, 4, 3], [60, 30, 10]), ([3, 8, 12], [30, 40, 30])


def people(breast, other, *, unknown=0, subtypes=("TNBC",), location="SKIN"):
    """Participants of two groups by stratum, and the frames that the report reads beside them.

    The stratum is made by a score of 1, 2 or 3, and prior lines by the same. unknown: breast participants without
    either.
    """
    rows = [
        (place, group, number < x)
        for group, (xs, ns) in (("BREAST", breast), (location, other))
        for place, (x, n) in enumerate(zip(xs, ns), start=1)
        for number in range(n)
    ]
    rows += [(None, "BREAST", False)] * unknown
    score, where, responded = zip(*rows)
    n = len(rows)
    turn = itertools.cycle(subtypes)
    frame = pd.DataFrame(
        {
            "participant_id": range(1, n + 1),
            "trial": "T",
            "arm": "T/A",
            "tumor_location": where,
            "subtype": pd.Series([next(turn) if one == "BREAST" else None for one in where], dtype="str"),
            "prior_lines": pd.Series([None if one is None else str(one - 1) for one in score], dtype="str"),
            "best_response": np.where(responded, "PR", "PD"),
            "treated": True, "pending": False, "response_recorded": True, "source": "reported",
            "setting": "advanced", "combination": "no", "randomised": False, "dated": False, "undated": True,
            "assessment_interval_days": 56,
            "enrolled_on": pd.Series(pd.NaT, range(n), "datetime64[us]"),
        }
    )  # fmt: skip
    values = pd.DataFrame(
        {
            "participant_id": frame["participant_id"],
            "assay_id": 1,
            "value": pd.Series(score, dtype="float64"),
            "qualifier": "=",
        }
    )
    characteristics = frame[["participant_id"]].assign(
        trial_id=1,
        ecog=pd.Series(pd.NA, range(n), "Int64"),
        stage=pd.Series(None, range(n), "str"),
        biopsied=pd.Series(None, range(n), "str"),
        **{
            name: pd.Series(pd.NA, range(n), "boolean")
            for name in ("prior_immunotherapy", "is_selected", "liver")
        },
    )
    columns = [
        "regimen",
        "tumor_location",
        "subtype",
        "prior_lines",
        "endpoint",
        "x",
        "n",
        "x_is_rounded",
        "published_rate",
        "citation",
    ]
    return frame, values.dropna(subset="value"), characteristics, ASSAYS, pd.DataFrame(columns=columns)


def tables(result):
    return {table.name: table for table in result.tables}


def parts(result):
    return {row["part"]: row for row in tables(result)["gap"].rows}


def said(table):
    return " ".join(str(note) for note in table.notes)


def run(*arguments, **more):
    return run_report("breast-gap", [*arguments, *more.items()])


def test_a_gap_is_split_into_mix_and_response():
    """Gap 0.13 = mix 0.064167 + response 0.065833; breast at the others' mix 0.158333 (se 0.0508)."""
    result = build(*people(BREAST, OTHER), strata=["prior_lines"])
    found = parts(result)
    estimates = [found[name]["estimate"] for name in ("total", "mix", "response")]
    assert estimates == pytest.approx([0.13, 0.0641666667, 0.0658333333])
    for row in found.values():
        assert row["low"] < row["estimate"] < row["high"]
    assert [found[name]["share"] for name in ("total", "mix", "response")] == pytest.approx(
        [1, 0.4936, 0.5064], abs=1e-4
    )
    standard = {row["what"]: row for row in tables(result)["standardised"].rows}[
        "breast at the reference's mix"
    ]
    assert standard["estimate"] == pytest.approx(0.1583333333)
    assert standard["high"] - standard["estimate"] == pytest.approx(1.959964 * 0.050769541)
    strata = tables(result)["strata"]
    assert list(strata.frame.columns[:5]) == ["stratum", "n_breast", "r_breast", "n_reference", "r_reference"]
    assert [row["stratum"] for row in strata.rows] == ["prior lines 0", "prior lines 1", "prior lines ≥ 2"]
    assert result.verdict["code"] == GapClaim.LESS
    assert "49%" in str(result.sentence)
    assert [step["step"] for step in result.figures[0].data.to_dict("records")] == [
        "breast",
        "mix",
        "response",
        "reference",
    ]


def test_a_marker_with_its_cutoff_divides_and_ways_are_crossed():
    one = build(*people(BREAST, OTHER), strata=["PD-L1 score>=2"])
    assert [row["stratum"] for row in tables(one)["strata"].rows] == ["PD-L1 score < 2", "PD-L1 score ≥ 2"]
    both = build(*people(BREAST, OTHER), strata=["PD-L1 score>=2", "prior_lines"])
    assert [row["stratum"] for row in tables(both)["strata"].rows] == [
        "PD-L1 score < 2 · prior lines 0",
        "PD-L1 score ≥ 2 · prior lines 1",
        "PD-L1 score ≥ 2 · prior lines ≥ 2",
    ]


def test_a_thin_stratum_is_named_and_nothing_is_computed_from_it():
    result = build(*people(([3, 4, 3], [60, 30, 4]), OTHER))
    found = parts(result)
    for name in ("mix", "response"):
        assert [found[name][key] for key in ("estimate", "low", "high", "share")] == [None] * 4
    assert "Too few in the stratum “prior lines ≥ 2”: breast 4, reference 30" in said(tables(result)["gap"])
    assert tables(result)["standardised"].rows[1]["estimate"] is None
    assert tables(result)["strata"].rows[2]["difference"] is None
    within = tables(result)["within"]
    assert within.rows[0]["strata"] == 2
    assert "left out here: prior lines ≥ 2" in said(within)
    assert "prior lines ≥ 2" in tables(result)["not_measured"].rows[-1]["missing"]
    assert result.chosen == {"strata": ["prior_lines"]}
    assert list(result.figures[0].data["step"]) == ["breast", "gap", "reference"]


def test_a_stratum_with_nobody_of_a_group_is_named_and_never_divided_by():
    result = build(*people(([3, 0, 3], [60, 0, 10]), OTHER))
    row = tables(result)["strata"].rows[1]
    assert (row["n_breast"], row["r_breast"], row["n_reference"]) == (0, None, 40)
    assert parts(result)["mix"]["estimate"] is None
    assert "breast 0, reference 40" in said(tables(result)["gap"])


def test_a_gap_whose_interval_holds_zero_has_no_shares():
    result = build(*people(([3, 4, 5], [20, 20, 20]), ([3, 5, 6], [20, 20, 20])))
    assert result.verdict["code"] == GapClaim.NOT_ESTABLISHED
    assert result.verdict["text"].startswith("A difference is not established")
    found = parts(result)
    assert [row["share"] for row in found.values()] == [None] * 3
    assert found["mix"]["estimate"] + found["response"]["estimate"] == pytest.approx(
        found["total"]["estimate"], abs=1e-12
    )
    assert "no shares" in said(tables(result)["gap"])


def test_identical_groups_have_no_gap_and_swapped_ones_the_opposite():
    same = parts(build(*people(BREAST, BREAST)))
    assert [row["estimate"] for row in same.values()] == pytest.approx([0, 0, 0], abs=1e-12)
    there, back = parts(build(*people(BREAST, OTHER))), build(*people(OTHER, BREAST))
    assert back.verdict["code"] == GapClaim.MORE
    for part, row in parts(back).items():
        assert row["estimate"] == pytest.approx(-there[part]["estimate"])


def test_who_has_no_stratum_is_left_out_of_the_split_and_counted():
    result = build(*people(BREAST, OTHER, unknown=20), strata=["PD-L1 score>=2"])
    assert tables(result)["gaps"].rows[0]["breast_n"] == 120
    assert parts(result)["total"]["estimate"] == pytest.approx(0.13)
    assert "left out of the strata: 20." in said(tables(result)["gap"])
    assert "known" in result.headline.shown


def test_subtype_is_no_stratum_and_splits_breast():
    asked = people(BREAST, OTHER, subtypes=("TNBC", "HR+/HER2-"))
    result = build(*asked)
    rows = tables(result)["gaps"].rows
    assert [(row["group"], row["breast_n"]) for row in rows] == [
        ("all", 100),
        ("HR+/HER2-", 50),
        ("TNBC", 50),
    ]
    assert all(row["reference_n"] == 100 for row in rows)
    one = build(*asked, subtype=["TNBC"])
    assert [row["breast_n"] for row in tables(one)["gaps"].rows] == [50, 50]
    assert sum(row["n_breast"] for row in tables(one)["strata"].rows) == 50


def test_with_four_participants_there_is_no_gap():
    result = build(*people(([1], [4]), ([5], [30])))
    assert result.verdict["code"] == GapClaim.TOO_FEW
    assert "%" not in result.verdict["text"]
    assert [row["estimate"] for row in parts(result).values()] == [None] * 3
    assert build(*people(([], []), ([5], [30]))).verdict["code"] == GapClaim.TOO_FEW
    for one in (result.figures[0].svg(), result.figures[1].svg(340)):
        assert "<svg" in one


def test_what_differs_is_told_of_those_of_whom_it_is_known():
    result = build(*people(BREAST, OTHER, unknown=20))
    rows = {row["factor"]: row for row in tables(result)["not_biology"].rows + tables(result)["biology"].rows}
    lines = rows["Prior lines: one or more"]
    assert [lines[name] for name in ("n_breast", "breast", "n_reference", "reference")] == [
        100,
        0.4,
        100,
        0.7,
    ]
    score = rows["PD-L1 score ≥ 2"]
    assert (score["n_breast"], score["breast"], score["reference"]) == (100, 0.4, 0.7)
    assert rows["PD-L1 score"]["reference"] == 2
    assert score["difference_low"] < 0.3 < score["difference_high"]
    missing = {row["missing"]: row for row in tables(result)["not_measured"].rows}
    assert "PD-L1" not in missing
    assert missing["Copy-number burden"]["known_breast"] == 0
    assert "Prior chemotherapy, and which drugs came before" in missing


def test_rows_bear_the_same_words_whoever_reads(app):
    with app.test_request_context():
        english = [table.rows for table in build(*people(BREAST, OTHER)).tables]
        with force_locale("fr"):
            assert [table.rows for table in build(*people(BREAST, OTHER)).tables] == english


def test_chowells_gap_is_not_established(chowell):  # noqa: F811
    """Breast 4/25 against 405/1,454; TMB at least 10 in 8 % against 28 %."""
    result = run(strata=TMB)
    total = parts(result)["total"]
    assert total["estimate"] == pytest.approx(0.1185, abs=5e-5)
    assert total["low"] < 0 < total["high"]
    assert result.verdict["code"] == GapClaim.NOT_ESTABLISHED
    assert [parts(result)[name]["estimate"] for name in ("mix", "response")] == [None, None]
    assert "stratum “TMB (MSK-IMPACT) ≥ 10”: breast 2, reference 402" in said(tables(result)["gap"])
    tmb = next(
        row for row in tables(result)["biology"].rows if row["factor"] == "TMB (MSK-IMPACT) ≥ 10 mut/Mb"
    )
    assert (round(tmb["breast"], 2), round(tmb["reference"], 2)) == (0.08, 0.28)
    assert "PD-L1" in [row["missing"] for row in tables(result)["not_measured"].rows]
    assert parts(run(marker="TMB (MSK-IMPACT)")) == parts(result)  # the shared marker divides, too
    for format in ("json", "xlsx", "svg", "pdf"):
        assert write(result, format)
    assert write(result, "csv").startswith(b"part,estimate,low,high,share\r\ntotal,")


def test_the_published_gap_is_established_and_not_split(app, shared):
    """6.2 % of 312 against 20.0 % of 7,970: 13.9 points (10.6 to 16.3)."""
    import_file(shared / "data/real/published/tigs_pooled_orr_by_cancer.csv", MAPPINGS / "tigs.toml")
    result = run(source="published")
    total = parts(result)["total"]
    found = [round(100 * total[name], 1) for name in ("estimate", "low", "high")]
    assert found == [13.9, 10.6, 16.3]
    row = tables(result)["gaps"].rows[0]
    assert (row["breast_n"], row["reference_n"], round(row["reference"], 3)) == (312, 7970, 0.2)
    assert result.verdict["text"] == (
        "Published, unadjusted, across trials. Breast responds less: 6.2% of 312 responded in breast and 20.0% of 7,970"
        " in the reference (all other locations); the gap is 13.9 percentage points (10.6 to 16.3), from 19 and 1,596"
        " responders."
    )
    assert [parts(result)[name]["estimate"] for name in ("mix", "response")] == [None, None]
    assert tables(result)["strata"].rows == []


@pytest.mark.parametrize(
    "name, value, reason",
    [
        ("reference", "BREAST", "reference: choose from: others, ADRENAL_GLAND"),
        ("strata", "SHOE", "strata: write prior_lines, or an assay with its cutoff"),
        ("strata", "Nothing>=1", "strata: choose from: prior_lines, PD-L1>="),
        ("strata", "PD-L1>=", "strata: give a cutoff"),
        ("strata", "PD-L1>=high", "strata: "),
        ("source", "hearsay", "source: choose from: own, published, both"),
        ("subtype", "SHOE", "subtype: choose from"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(app, name, value, reason):
    make_assay(name="PD-L1")
    with pytest.raises(Refusal) as refused:
        run((name, value))
    assert str(refused.value.message).startswith(reason)
    assert refused.value.status == 422


def test_settings_are_not_mixed_and_no_arm_of_a_masked_trial_is_told(app):
    trial = make_trial(is_randomised=True, status=TrialStatus.RECRUITING)
    for location in ("BREAST", "SKIN"):
        for _repeat in range(6):
            subtype = "TNBC" if location == "BREAST" else None
            participant = make_participant(trial=trial, tumor_location=location, subtype=subtype)
            make_reported_outcome(participant=participant)
    early = make_participant(
        trial=make_trial(setting=Setting.NEOADJUVANT), tumor_location="BREAST", subtype="TNBC"
    )
    make_reported_outcome(participant=early)
    reader = make_user(role=Role.RESEARCHER)
    make_trial_member(user=reader, trial=trial)
    with scope.reading_as(reader):
        result = run()
    combination = next(
        row for row in tables(result)["not_biology"].rows if row["factor"] == "Combination of agents"
    )
    assert (combination["n_breast"], combination["breast"]) == (0, None)
    everybody = run()
    assert tables(everybody)["gaps"].rows[0]["breast_n"] == 6
    assert "left out: 1" in said(tables(everybody)["gaps"])
    assert "left out: 1" not in said(tables(everybody)["strata"])


def test_a_value_that_is_only_a_bound_has_no_stratum_unless_the_bound_tells(app):
    assay = make_assay(name="score")
    for location, value, qualifier in (("BREAST", 5, "<"), ("SKIN", 50, "<"), ("SKIN", 50, ">")):
        subtype = "TNBC" if location == "BREAST" else None
        participant = make_participant(tumor_location=location, subtype=subtype)
        make_reported_outcome(participant=participant)
        make_measurement(assay=assay, participant=participant, value=value, qualifier=qualifier)
    rows = tables(run(strata="score>=10"))["strata"].rows
    assert [(row["stratum"], row["n_breast"], row["n_reference"]) for row in rows] == [
        ("score < 10", 1, 0),
        ("score ≥ 10", 0, 1),
    ]
