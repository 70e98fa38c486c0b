"""iRECIST, against tables 2 and 3 of its paper and the working group's clarifications."""

import itertools

import pandas as pd
import pytest

from tests.rules.response_cases import CDISC, dated, investigator, participants, references, scans
from tracker.rules.irecist import (
    best_immune_responses,
    immune_response,
    immune_responses,
    progression_worsened,
)
from tracker.rules.recist import overall_response, recist_responses

#: A baseline scan, then one every eight weeks; the first dose is 2024-01-01.
VISITS = [
    "2023-12-20",
    *[f"{pd.Timestamp('2024-01-01') + pd.Timedelta(days=56 * visit):%Y-%m-%d}" for visit in range(1, 9)],
]


def derive(visits=None, **lesions):
    length = len(next(iter(lesions.values())))
    people = participants()
    found = recist_responses(people, *scans(visits or VISITS[:length], **lesions)).assessments
    return people, immune_responses(found[(found["phase"] == "after") & ~found["superseded"]])


def course(visits=None, **lesions):
    return derive(visits, **lesions)[1]["immune_response"].tolist()


def best_of(*responses, visits=VISITS[1:]):
    rows = dated([(1, date, response) for date, response in zip(visits, responses)])
    rows = rows.rename(columns={"response": "immune_response"})
    return best_immune_responses(participants(), rows).loc[1]


def _recist(code):
    """The RECIST 1.1 name of an iRECIST category of lesions."""
    return {"iUPD": "PD", "Non-iCR/Non-iUPD": "Non-CR/Non-PD"}.get(code, code.removeprefix("i"))


@pytest.mark.parametrize("case", references("irecist.timepoint.").values(), ids=lambda case: case["id"])
def test_time_point_response_is_that_of_table_2(case):
    given = case["input"]
    target, non_target, new = (
        _recist(given["target"]),
        _recist(given["non_target"]),
        given["new_lesion"] == "Yes",
    )
    now = {"target": target == "PD", "non_target": non_target == "PD", "new": new}
    growth = {"target_mm": given.get("increase_in_target_sum_mm", 0)}
    growth |= dict.fromkeys(["non_target", "new_mm", "new_grown", "new_more"], 0)
    pending = given.get("previous_iUPD", False)
    worsened = progression_worsened(now, now, growth)
    assert immune_response(overall_response(target, non_target, new), pending, worsened) == case["expected"]


@pytest.mark.parametrize("case", references("irecist.ibor.").values(), ids=lambda case: case["id"])
def test_best_response_is_that_of_table_3(case):
    anything = ["iCR", "iPR", "iSD", "iUPD", "iCPD", "NE"]
    choices = [
        anything if one == ["any"] else one
        for one in (point.split("|") for point in case["input"]["timepoints"])
    ]
    found = {best_of(*one)["best_immune"] for one in itertools.product(*choices)}
    assert found == {case["expected"]}


@pytest.mark.parametrize("case", references("irecist.pd_date.").values(), ids=lambda case: case["id"])
def test_progression_is_dated_by_the_first_iupd_of_the_confirmed_block(case):
    codes = [{"SD": "iSD", "PR": "iPR"}.get(code, code) for code in case["input"]["sequence"]]
    found = best_of(*codes)
    assert found["progressed_on"] == pd.Timestamp(VISITS[case["expected"]["pd_index"]])
    assert found["confirmed_on"] == pd.Timestamp(VISITS[codes.index("iCPD") + 1])


@pytest.mark.parametrize(
    "codes, expected",
    [
        (["iUPD", "iPR", "iCR", "iCR", "NE"], "iCR"),
        (["iUPD", "NE", "iCR", "iUPD", "iCPD"], "iCR"),
        (["iUPD", "iSD", "iPR", "iUPD", "iCPD"], "iPR"),
        (["iUPD", "NE", "iPR", "iPR", "iCPD"], "iPR"),
    ],
)
def test_best_response_of_examples_2_and_4(codes, expected):
    assert best_of(*codes)["best_immune"] == expected


def test_target_growth_of_5_mm_confirms_and_adds_up():
    assert course(T1=[50, 62, 67]) == ["iUPD", "iCPD"]
    assert course(T1=[50, 62, 66.9]) == ["iUPD", "iUPD"]
    assert course(T1=[50, 62, 66, 67]) == ["iUPD", "iUPD", "iCPD"]
    assert course(T1=[50, 66, 61, 66]) == ["iUPD", "iUPD", "iCPD"]


def test_stable_disease_or_response_resets_the_bar():
    assert course(T1=[50, 62, 55, 61, 66]) == ["iUPD", "iSD", "iUPD", "iCPD"]
    people, found = derive(T1=[50, 48, 48, 60, 30, 30, 40, 46])
    assert found["immune_response"].tolist() == ["iSD", "iSD", "iUPD", "iPR", "iPR", "iUPD", "iCPD"]
    best = best_immune_responses(people, found).loc[1]
    assert (best["best_immune"], best["progressed_on"]) == ("iPR", pd.Timestamp(VISITS[6]))


def test_non_target_growth_confirms_when_it_was_non_target_progression():
    assert course(T1=[50, 50, 50], NT1=["P", "U", "U"]) == ["iUPD", "iCPD"]
    assert course(T1=[50, 50, 50], NT1=["P", "U", "P"]) == ["iUPD", "iSD"]
    assert course(T1=[50, 50, 50, 50], NT1=["P", "U", None, "U"]) == ["iUPD", "iSD", "iUPD"]


def test_another_category_that_progresses_confirms():
    assert course(T1=[50, 62, 62], NT1=["P", "P", "U"]) == ["iUPD", "iCPD"]
    assert course(T1=[50, 62, 62], NN1=[None, None, "P"]) == ["iUPD", "iCPD"]
    assert course(T1=[50, 50, 62], NN1=[None, "P", "P"]) == ["iUPD", "iCPD"]


def test_new_lesions_confirm_by_number_or_growth():
    assert course(T1=[50, 50, 50], NN1=[None, "P", "P"]) == ["iUPD", "iUPD"]
    assert course(T1=[50, 50, 50], NN1=[None, "P", "P"], NN2=[None, None, "P"]) == ["iUPD", "iCPD"]
    assert course(T1=[50, 50, 50], NN1=[None, "P", "U"]) == ["iUPD", "iCPD"]
    assert course(T1=[50, 50, 50], N1=[None, 10, 14.9]) == ["iUPD", "iUPD"]
    assert course(T1=[50, 50, 50, 50], N1=[None, 10, 14, 16]) == ["iUPD", "iUPD", "iCPD"]
    assert course(T1=[50, 50, 50], NN1=[None, "P", "A"]) == ["iUPD", "iSD"]


def test_not_evaluable_neither_confirms_nor_takes_back():
    assert course(T1=[50, 62, None, 68]) == ["iUPD", "NE", "iCPD"]
    assert course(T1=[50, 62, None, 60]) == ["iUPD", "NE", "iUPD"]


def test_progression_is_not_confirmed_within_four_weeks_and_late_after_eight():
    visits = ["2023-12-20", "2024-02-26", "2024-03-11", "2024-03-25"]
    assert course(visits, T1=[50, 62, 70, 70]) == ["iUPD", "iUPD", "iCPD"]
    assert not derive(visits, T1=[50, 62, 70, 70])[1]["confirmed_late"].any()
    late = derive([*visits[:2], "2024-06-17"], T1=[50, 62, 70])[1]
    assert late["confirmed_late"].tolist() == [False, True]


def test_a_new_lesion_does_not_stand_in_the_way_of_shrinkage_after_it():
    """Scenario B of the paper; scenario F, without shrinkage after the new lesion, stays iUPD."""
    people, found = derive(T1=[50, 50, 33, 33, 33, 33], N1=[None, 10, 10, 12, 14, 15])
    assert found["immune_response"].tolist() == ["iUPD", "iPR", "iPR", "iPR", "iUPD"]
    assert best_immune_responses(people, found).loc[1, "unconfirmed_since"] == pd.Timestamp(VISITS[5])
    assert course(T1=[50, 33, 33, 33], N1=[None, None, 10, 10]) == ["iPR", "iUPD", "iUPD"]
    assert course(T1=[50, 50, 33, 33], NN1=[None, "P", "P", "P"], NN2=[None, None, None, "P"])[-1] == "iUPD"


def test_a_complete_response_with_a_new_lesion_is_partial():
    assert course(T1=[50, 50, 0], NN1=[None, "P", "P"]) == ["iUPD", "iPR"]


def test_without_progression_irecist_is_recist():
    assert course(T1=[50, 30, 0, 0]) == ["iPR", "iCR", "iCR"]
    assert course(NT1=["P", "P", "A"]) == ["Non-iCR/Non-iUPD", "iCR"]


def test_after_confirmed_progression_all_is_progression():
    assert course(T1=[50, 62, 70, 20]) == ["iUPD", "iCPD", "iCPD"]


def test_nobody_gives_empty_frames():
    people, found = derive(T1=[50])
    assert len(found) == 0
    assert pd.isna(best_immune_responses(people, found).loc[1, "best_immune"])


@pytest.mark.skipif(not CDISC.exists(), reason="the CDISC test data are not at hand")
def test_every_code_of_the_cdisc_irecist_data_is_ranked():
    """The sequences are random, so that only a few things about them can be right or wrong."""
    rs = investigator("sdtm_rs_onco_irecist.csv", "RS")
    rs = rs[(rs["RSTESTCD"] == "OVRLRESP") & rs["RSSTRESC"].notna()]
    codes = {"NON-iCR/NON-iUPD": "Non-iCR/Non-iUPD"}
    rows = dated([(row.USUBJID, row.RSDTC, codes.get(row.RSSTRESC, row.RSSTRESC)) for row in rs.itertuples()])
    subjects = rows["participant_id"].unique()
    start = [rows.loc[rows["participant_id"] == one, "assessed_on"].min() for one in subjects]
    people = participants(subjects, start, minimum_sd_days=0)
    found = best_immune_responses(people, rows.rename(columns={"response": "immune_response"}))
    for one, mine in rows.sort_values("assessed_on").groupby("participant_id")["response"]:
        before = list(itertools.takewhile(lambda code: code != "iCPD", mine))
        best = next((code for code in ("iCR", "iPR", "iSD", "Non-iCR/Non-iUPD") if code in before), None)
        if best:
            assert found.loc[one, "best_immune"] == best
        assert found.loc[one, "confirmed_on"] is pd.NaT or "iCPD" in set(mine)
    assert len(found) == 26
