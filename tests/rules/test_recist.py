"""RECIST 1.1 at each assessment, against its published tables, worked cases and CDISC's test data."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.response_cases import CDISC, cdisc_recist, participants, references, scans, several
from tracker.rules.baseline import baseline_questions
from tracker.rules.reasons import response_reasons
from tracker.rules.recist import overall_response, recist_responses, target_response

#: A baseline scan, then one every eight weeks; the first dose is 2024-01-01.
VISITS = ["2023-12-20", "2024-02-26", "2024-04-22", "2024-06-17", "2024-08-12", "2024-10-07"]


def derive(*visits, **lesions):
    """The responses of participant 1; `**lesions` as of `scans`."""
    return recist_responses(participants(), *scans(visits, **lesions))


def overall(visits=None, **lesions):
    """The overall responses after baseline."""
    length = len(next(iter(lesions.values())))
    found = derive(*(visits or VISITS[:length]), **lesions).assessments
    return found.loc[found["phase"] == "after", "response"].tolist()


@pytest.mark.parametrize("case", references("recist11.target.").values(), ids=lambda case: case["id"])
def test_target_response_is_that_of_the_worked_cases(case):
    given_ = case["input"]
    gone = given_.get("non_nodal_sum", 1) == 0 and max(given_.get("nodes_short_axis", [0])) < 10
    found = target_response(given_["baseline_sum"], given_["nadir_sum"], given_["current_sum"], gone=gone)
    assert found == case["expected"]


@pytest.mark.parametrize("baseline", [30, 70, 90, 110, 170, 180, 3.3, 0.9])
def test_exactly_30_percent_less_is_a_response(baseline):
    assert target_response(baseline, baseline, baseline * 7 / 10) == "PR"
    assert target_response(baseline, baseline, baseline * 7 / 10 + 0.1) == "SD"


def test_progression_needs_both_20_percent_and_5_mm():
    assert target_response(100, [50, 20, 100, 22.1], [60, 24, 119.9, 27]).tolist() == ["PD", "PR", "SD", "PR"]


#: Eisenhauer 2009, tables 1 and 2; an empty response stands for no such lesion.
TABLES = [
    ("CR", "CR", False, "CR"),
    ("CR", "", False, "CR"),
    ("CR", "Non-CR/Non-PD", False, "PR"),
    ("CR", "NE", False, "PR"),
    ("PR", "Non-CR/Non-PD", False, "PR"),
    ("PR", "NE", False, "PR"),
    ("SD", "NE", False, "SD"),
    ("SD", "CR", False, "SD"),
    ("NE", "CR", False, "NE"),
    ("NE", "Non-CR/Non-PD", False, "NE"),
    ("PD", "CR", False, "PD"),
    ("CR", "PD", False, "PD"),
    ("CR", "CR", True, "PD"),
    ("NE", "NE", True, "PD"),
    ("", "CR", False, "CR"),
    ("", "Non-CR/Non-PD", False, "Non-CR/Non-PD"),
    ("", "NE", False, "NE"),
    ("", "PD", False, "PD"),
    ("", "CR", True, "PD"),
    ("", "", False, "NED"),
    ("", "", True, "PD"),
]


@pytest.mark.parametrize("target, non_target, new_lesion, expected", TABLES)
def test_overall_response_is_that_of_tables_1_and_2(target, non_target, new_lesion, expected):
    assert overall_response(target, non_target, new_lesion) == expected


@pytest.mark.parametrize("case", references("recist11.timepoint.").values(), ids=lambda case: case["id"])
def test_overall_response_is_that_of_the_reference_rows(case):
    words = {
        "Non-PD or not all evaluated": ["Non-CR/Non-PD", "NE", "CR"],
        "Any": ["CR", "PR", "SD", "PD", "NE"],
        "NE (not all evaluated)": ["NE"],
        "Unequivocal PD": ["PD"],
    }
    given_ = case["input"]
    for target in words.get(given_.get("target", ""), [given_.get("target", "")]):
        for non_target in words.get(given_["non_target"], [given_["non_target"]]):
            for new_lesion in {"No": [False], "Yes or No": [False, True]}[given_["new_lesion"]]:
                assert overall_response(target, non_target, new_lesion) == case["expected"]


def test_the_sum_counts_nodes_and_what_is_too_small_or_absent():
    found = derive(*VISITS[:2], T1=[20, "S"], T2=[30, "A"], TN1=[18, 12.5]).assessments.iloc[1]
    assert (found["baseline_sum_mm"], found["sum_mm"], found["response"]) == (68, 17.5, "PR")


def test_a_target_lesion_that_was_not_evaluated_leaves_progression_only():
    assert overall(T1=[50, 20, 45, "NE"], T2=[50, None, None, 70]) == ["NE", "NE", "NE"]
    assert overall(T1=[50, 20, 125], T2=[50, 20, None]) == ["PR", "PD"]


def test_an_incomplete_sum_is_no_nadir():
    found = derive(*VISITS[:4], T1=[50, 20, 48, 50], T2=[50, None, 45, 48]).assessments
    assert found["nadir_sum_mm"].tolist()[1:] == [100, 100, 93]
    assert found["response"].tolist()[1:] == ["NE", "SD", "SD"]


def test_nodes_below_10_mm_are_gone():
    assert overall(T1=[30, 0, 0], TN1=[20, 9.9, 9.9]) == ["CR", "CR"]
    assert overall(T1=[30, 0, 0], TN1=[20, 9.9, 10]) == ["CR", "PD"]
    assert overall(TN1=[20, 3, 9.5]) == ["CR", "CR"]


def test_a_lesion_that_comes_back_before_complete_response_is_measured_again():
    assert overall(T1=[40, 0, 8], T2=[40, 20, 12]) == ["PR", "PR"]


def test_disease_after_complete_response_is_progression():
    assert overall(T1=[40, 0, 3], NT1=["P", "A", "A"]) == ["CR", "PD"]
    assert overall(T1=[40, 0, 0], NT1=["P", "A", "P"]) == ["CR", "PD"]


def test_non_target_disease_alone():
    assert overall(NT1=["P", "P", "A", "P", "U"], NT2=["P", "P", "A", "A", "A"]) == [
        "Non-CR/Non-PD",
        "CR",
        "PD",
        "PD",
    ]
    assert overall(NT1=["P", "A"], NT2=["P", None]) == ["NE"]


def test_a_participant_without_disease_progresses_by_a_new_lesion_only():
    visits = VISITS[:3]
    assert overall(visits, N1=[None, None, 12]) == ["NED", "PD"]


def test_a_new_lesion_stays_until_it_is_recorded_as_absent():
    assert overall(T1=[40, 30, 30, 28], NN1=[None, "P", None, "A"]) == ["PD", "PD", "PR"]
    assert overall(T1=[40, 40], N1=[None, "NE"]) == ["SD"]


def test_lesions_that_merged_are_measured_as_one():
    assert overall(T1=[30, 52], T2=[25, "A"]) == ["SD"]


def test_a_scan_and_another_of_other_lesions_within_the_window_are_one_time_point():
    visits = ["2023-12-10", "2023-12-20", "2024-02-26", "2024-02-29", "2024-04-22"]
    found = derive(*visits, T1=[50, None, 30, None, 25], T2=[None, 50, None, 30, 25]).assessments
    assert found["phase"].tolist() == ["before", "baseline", "after", "after", "after"]
    assert found["baseline_sum_mm"].iloc[2] == 100
    assert found["response"].tolist()[2:] == ["NE", "PR", "PR"]
    assert found["superseded"].tolist()[2:] == [True, False, False]


def test_scans_of_the_same_lesions_are_two_time_points_however_close():
    visits = ["2023-12-20", "2024-02-26", "2024-02-28"]
    found = derive(*visits, T1=[50, 40, 49]).assessments
    assert found["response"].tolist()[1:] == ["SD", "PD"]
    assert not found["superseded"].any()


@pytest.mark.parametrize(
    "visits, sums, baseline, old, incomplete",
    [
        (["2023-12-10", "2023-12-20"], [50, 60], 60, False, False),
        (["2023-12-10", "2024-01-01"], [50, 60], 60, False, False),
        (["2023-12-10", "2023-12-20"], [50, "NE"], 50, False, False),
        (["2023-11-01", "2023-11-02"], [50, 60], 60, True, False),
        (["2023-11-01", "2023-12-20"], [50, "NE"], 50, True, False),
        (["2023-11-01", "2023-12-20"], ["NE", "NE"], None, False, True),
    ],
)
def test_baseline_is_the_last_complete_assessment_of_the_28_days_to_the_first_dose(
    visits, sums, baseline, old, incomplete
):
    found = derive(*visits, "2024-02-26", T1=[*sums, 50]).assessments.iloc[2]
    assert found["baseline_sum_mm"] == baseline or (baseline is None and pd.isna(found["baseline_sum_mm"]))
    assert (found["baseline_old"], found["baseline_incomplete"]) == (old, incomplete)
    assert (found["response"] == "NE") == incomplete


def test_without_a_baseline_only_progression_can_be_seen():
    visits = VISITS[1:4]
    assert overall(visits, T1=[50, 20, 20], N1=[None, None, 12]) == ["NE", "NE", "PD"]


def test_an_assessment_without_any_measurement_is_not_evaluable():
    assert overall(T1=[50, None, 40]) == ["NE", "SD"]


def test_measurements_of_anothers_lesion_are_refused():
    lesions, assessments, measurements = several(
        {1: (VISITS[:1], {"T1": [50]}), 2: (VISITS[:1], {"T1": [50]})}
    )
    measurements["lesion_id"] = measurements["lesion_id"].to_numpy()[::-1]
    with pytest.raises(ValueError, match="different participants"):
        recist_responses(participants([1, 2]), lesions, assessments, measurements)


def test_nobody_and_nothing_give_empty_frames():
    lesions, assessments, measurements = several({})
    found = recist_responses(participants([1]), lesions, assessments, measurements)
    assert len(found.assessments) == len(found.lesions) == 0


@pytest.mark.skipif(not CDISC.exists(), reason="the CDISC test data are not at hand")
def test_the_investigators_responses_of_the_cdisc_data_are_derived():
    *frames, expected = cdisc_recist()
    found = recist_responses(*frames).assessments
    expected["assessed_on"] = pd.to_datetime(expected["assessed_on"]).astype("datetime64[us]")
    both = found.merge(expected, on=["participant_id", "assessed_on"])
    assert len(both) == len(expected) == 22
    assert both["response"].str.upper().tolist() == both["RSSTRESC"].tolist()


# Reasons


def reasons(at=-1, **lesions):
    length = len(next(iter(lesions.values())))
    frames = scans(VISITS[:length], **lesions)
    found = recist_responses(participants(), *frames)
    assessment = found.assessments.iloc[at]
    known = frames[0].assign(place="liver")[["lesion_id", "role", "label", "place"]]
    here = found.lesions[found.lesions["assessment_id"] == assessment["assessment_id"]]
    rows = here.merge(known, on="lesion_id").to_dict("records")
    return response_reasons(assessment, rows, lambda day: f"{day:%Y-%m-%d}")


def test_the_reason_of_a_progression_names_its_numbers_and_lesions():
    assert reasons(T1=[100, 50, 60]) == [
        "The sum of 60 mm is 20.0% and 10 mm above the nadir of 50 mm on 2024-02-26."
    ]
    assert reasons(T1=[100, 50], NN1=[None, "P"], NT1=["P", "U"]) == [
        "New: NN1 (liver).",
        "Unequivocal progression of NT1 (liver).",
    ]
    assert reasons(T1=[50, 0, 4]) == ["Disease again after a complete response: T1 (liver)."]
    assert reasons(T1=[50, 90], T2=[20, None])[1] == "That is without T2 (liver), not evaluated."


def test_the_reason_of_any_other_response_names_its_numbers_and_lesions():
    assert reasons(0, T1=[50.5, 40]) == ["Baseline: the sum is 50.5 mm."]
    assert reasons(T1=[50, 35]) == ["The sum is 35 mm: −30.0% against the baseline of 50 mm."]
    assert reasons(T1=[50, 40, 44]) == [
        "The sum is 44 mm: −12.0% against the baseline of 50 mm.",
        "Against the nadir of 40 mm on 2024-02-26 it is +10.0%, 4 mm more.",
    ]
    assert reasons(T1=[50, 40], T2=[50, "NE"]) == ["Target lesions not evaluated: T2 (liver)."]
    assert reasons(T1=[50, 0], NT1=["P", "P"]) == [
        "All target lesions are gone.",
        "Non-target lesions still there, without unequivocal progression: NT1 (liver).",
    ]
    assert reasons(T1=[50, 0]) == ["All lesions are gone; nodes are below 10 mm."]


# Baseline


def test_targets_that_recist_would_not_take_are_asked_about():
    frames = scans(
        VISITS[:2],
        **{f"T{number}": [size, size] for number, size in enumerate([9, 30, 30, 30, 30])},
        TN1=[14, 14],
        N1=[12, 12],
    )
    lesions = frames[0].assign(organ=["liver", "liver", "liver", "lung", None, None, "bone"])
    found = baseline_questions(lesions, recist_responses(participants(), *frames))
    assert sorted(found["question"]) == [
        "more than five",
        "more than two in an organ",
        "new at baseline",
        "node too small",
        "target too small",
    ]


# Whatever is recorded


FINDINGS = st.one_of(
    st.none(),
    st.sampled_from(["A", "S", "NE", "P", "U"]),
    st.integers(0, 600).map(lambda tenths: tenths / 10),
)
STATES = st.sampled_from([None, "A", "P", "U", "NE"])


@st.composite
def courses(draw):
    """The lesions of one participant at up to seven visits, of which some are days apart only."""
    visits = draw(st.integers(2, 7))
    apart = draw(st.lists(st.sampled_from([3, 5, 20, 30, 56, 60, 150]), min_size=visits, max_size=visits))
    dates = pd.Timestamp("2023-12-15") + pd.to_timedelta(pd.Series(apart).cumsum() - apart[0], unit="D")

    def of(kind, most, findings):
        number = draw(st.integers(0, most))
        columns = st.lists(findings, min_size=visits, max_size=visits)
        return {f"{kind}{nth}": draw(columns) for nth in range(number)}

    lesions = of("T", 2, FINDINGS) | of("TN", 1, FINDINGS) | of("NT", 2, STATES)
    lesions |= {
        label: [None, *found[1:]] for label, found in (of("N", 2, FINDINGS) | of("NN", 1, STATES)).items()
    }
    return [f"{date:%Y-%m-%d}" for date in dates], lesions


@settings(max_examples=150, deadline=None)
@given(courses(), st.randoms())
def test_the_order_of_lesions_changes_nothing(course, random):
    visits, lesions = course
    names = list(lesions)
    random.shuffle(names)
    columns = [
        "sum_mm",
        "target",
        "non_target",
        "new_lesion",
        "response",
        "reason",
        "superseded",
        "new_growth_mm",
    ]
    one, other = (
        recist_responses(participants(), *scans(visits, **of)).assessments[columns]
        for of in (lesions, {name: lesions[name] for name in names})
    )
    pd.testing.assert_frame_equal(one, other)


@settings(max_examples=150, deadline=None)
@given(courses())
def test_a_later_assessment_never_changes_an_earlier_response(course):
    visits, lesions = course
    kept = ["response", "target", "non_target", "sum_mm", "nadir_sum_mm", "reason"]

    def known(length):
        fewer = {name: found[:length] for name, found in lesions.items()}
        found = recist_responses(participants(), *scans(visits[:length], **fewer)).assessments
        return found[found["phase"] == "after"][kept].reset_index(drop=True)

    whole = known(len(visits))
    for length in range(2, len(visits)):
        part = known(length)
        pd.testing.assert_frame_equal(part, whole[: len(part)])


@settings(max_examples=50, deadline=None)
@given(st.lists(courses(), min_size=2, max_size=4))
def test_participants_do_not_touch_each_other(cases):
    ids = range(1, len(cases) + 1)
    together = recist_responses(participants(ids), *several(dict(zip(ids, cases)))).assessments
    for number, (visits, lesions) in zip(ids, cases):
        alone = recist_responses(participants(), *scans(visits, **lesions)).assessments
        mine = together[together["participant_id"] == number].reset_index(drop=True)
        skipped = ["assessment_id", "participant_id"]
        pd.testing.assert_frame_equal(mine.drop(columns=skipped), alone.drop(columns=skipped))
