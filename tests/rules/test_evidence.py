"""Level of evidence (Simon, Paik and Hayes 2009), REMARK, before data, confirmatory."""

import datetime
from types import SimpleNamespace

import pytest

from tests.references import references
from tracker.rules.evidence import (
    MATCHED,
    StoredData,
    are_contradictory,
    data_standing,
    is_amendment,
    level_of_evidence,
    nature_of,
    refused_claim,
    remark_rows,
    validations_of,
)
from tracker.terms.evidence import (
    Claim,
    DataStanding,
    EvidenceDirection,
    HigherMeans,
    LevelOfEvidence,
    Nature,
    RemarkStatus,
    StudyCategory,
)

REGISTERED = datetime.datetime(2024, 3, 1, 12, tzinfo=datetime.UTC)
LATER = REGISTERED + datetime.timedelta(days=30)
EARLIER = REGISTERED - datetime.timedelta(days=30)

#: How many validating studies each wording of the table means; for an inequality its boundary.
VALIDATED = {
    0: [(0, 0)],
    ">=1 consistent": [(1, 0), (3, 0)],
    "none or inconsistent": [(0, 0), (2, 1)],
    ">=2 consistent": [(2, 0), (4, 0)],
    "none, 1, or inconsistent": [(0, 0), (1, 0), (5, 1)],
    "any": [(0, 0), (9, 0)],
}


@pytest.mark.parametrize("case", references("loe.simon2009"))
def test_the_level_is_the_published_tables(case):
    for (category, validated), level in zip(case["input"]["cases"], case["expected"], strict=True):
        for consistent, inconsistent in VALIDATED[validated]:
            assert level_of_evidence(StudyCategory(category), consistent, inconsistent) == level


@pytest.mark.parametrize(
    "category, consistent, level",
    [("A", 0, "I"), ("B", 0, "II"), ("B", 1, "I"), ("C", 1, "III"), ("C", 2, "II"), ("D", 9, "IV-V")],
)
def test_a_level_rises_with_consistent_validation(category, consistent, level):
    assert level_of_evidence(StudyCategory(category), consistent) is LevelOfEvidence(level)


def test_without_a_study_category_there_is_no_level():
    assert level_of_evidence(None, 3) is None


def found(direction="supports", means="better", **more):
    return SimpleNamespace(direction=EvidenceDirection(direction), higher_means=HigherMeans(means), **more)


def test_what_validates_agrees_disagrees_or_does_neither():
    others = [found(), found("against"), found(means="worse"), found("inconclusive")]
    assert validations_of(found(), others) == (1, 2)
    assert validations_of(found("inconclusive"), others) == (0, 0)


@pytest.mark.parametrize(
    "findings, contradict",
    [
        ([found(), found("against")], True),
        ([found(), found(means="worse")], True),
        ([found(), found("inconclusive")], False),
        ([found(), found()], False),
        ([found("against"), found("against", "worse")], False),
    ],
)
def test_findings_contradict_each_other(findings, contradict):
    assert are_contradictory(findings) == contradict


@pytest.mark.parametrize(
    "data, standing",
    [
        ([], "before data"),
        ([StoredData(LATER, LATER.date())], "before data"),
        ([StoredData(EARLIER, LATER.date())], "data existed"),
        ([StoredData(LATER, EARLIER.date())], "data existed"),
        ([StoredData(LATER, REGISTERED.date())], "data existed"),
        ([StoredData(LATER, LATER.date(), some_undated=True)], "data existed"),
        ([StoredData(LATER, None)], "data existed"),
        ([StoredData(LATER, LATER.date()), StoredData(LATER, EARLIER.date())], "data existed"),
    ],
    ids=[
        "nothing stored",
        "stored and dated later",
        "stored earlier",
        "dated earlier",
        "of the same day",
        "some without a day",
        "all without a day",
        "one of two kinds earlier",
    ],
)
def test_a_hypothesis_is_before_data_only_if_all_came_later(data, standing):
    assert data_standing(REGISTERED, data) == standing


def about(**given):
    defaults = dict.fromkeys(MATCHED) | {"biomarker": "TMB", "cutoff": 10.0, "tumor_location": "BREAST"}
    return SimpleNamespace(**defaults | given)


def test_a_finding_that_matches_a_hypothesis_from_before_data_is_confirmatory():
    assert nature_of(about(), about(), DataStanding.BEFORE_DATA).nature is Nature.CONFIRMATORY


def test_with_data_or_without_a_hypothesis_it_is_exploratory():
    assert nature_of(about(), about(), DataStanding.DATA_EXISTED).nature is Nature.EXPLORATORY
    assert nature_of(about(), None, None).nature is Nature.EXPLORATORY


@pytest.mark.parametrize("name", MATCHED)
def test_one_difference_makes_it_exploratory(name):
    judged = nature_of(about(**{name: "other"}), about(), DataStanding.BEFORE_DATA)
    assert (judged.nature, judged.differs) == (Nature.EXPLORATORY, (name,))


def test_only_a_change_of_what_defines_a_hypothesis_amends_it():
    assert is_amendment({"cutoff": [10, 16], "rationale": [None, "more"]})
    assert is_amendment({"assay_id": [1, 2]})
    assert not is_amendment({"rationale": ["a", "b"]})


def reported(**given):
    names = "hypothesis regimen assay trial data_cutoff cutoff_origin events ci_low ci_high validates"
    defaults = dict.fromkeys(names.split()) | {"endpoint": "os", "markers_tried": 1, "n": 40, "estimate": 0.6}
    return SimpleNamespace(**defaults | {"remark_answers": [], "validated_by": []} | given)


def statuses(finding):
    return {row.item.number: row.status for row in remark_rows(finding)}


def test_stored_data_answer_items_of_remark_and_name_the_field_that_is_missing():
    rows = {row.item.number: row for row in remark_rows(reported())}
    assert list(rows) == list(range(1, 21))
    assert (rows[7].status, rows[7].missing) == (RemarkStatus.REPORTED, None)
    assert (rows[1].status, rows[1].missing) == (RemarkStatus.NOT_REPORTED, "hypothesis")
    assert (rows[12].status, rows[12].missing) == (RemarkStatus.PARTLY, "events")
    assert (rows[15].status, rows[15].missing) == (RemarkStatus.PARTLY, "ci_low")
    assert (rows[9].status, rows[9].missing) == (RemarkStatus.NOT_REPORTED, "remark_answers")


def test_an_assay_without_its_method_is_half_an_answer():
    assay = SimpleNamespace(platform="Ventana", scoring_method=None)
    (row,) = [row for row in remark_rows(reported(assay=assay)) if row.item.number == 5]
    assert (row.status, row.missing) == (RemarkStatus.PARTLY, "assay.scoring_method")


def test_zero_events_are_an_answer():
    assert statuses(reported(events=0))[12] is RemarkStatus.REPORTED


def test_a_finding_that_others_validate_answers_the_item_on_validation():
    assert statuses(reported(validated_by=[object()]))[18] is RemarkStatus.REPORTED


def test_what_was_typed_goes_before_what_is_stored():
    answer = SimpleNamespace(item=7, status=RemarkStatus.PARTLY, text="PFS by local review only")
    (row,) = [row for row in remark_rows(reported(remark_answers=[answer])) if row.item.number == 7]
    assert (row.status, row.text, row.is_computed) == (RemarkStatus.PARTLY, "PFS by local review only", False)


@pytest.mark.parametrize(
    "given, told",
    [
        ({"has_comparator": False, "interaction_p": 0.01}, "Without a comparator"),
        ({"has_comparator": True, "interaction_p": None}, "p-value of the interaction"),
        ({"has_comparator": True, "interaction_p": 0.05}, "not significant"),
        ({"has_comparator": True, "interaction_p": 0.8, "direction": "against"}, None),
        ({"has_comparator": True, "interaction_p": 0.049}, None),
        ({"has_comparator": False, "interaction_p": None, "claim": Claim.ASSOCIATED}, None),
    ],
)
def test_the_claim_predictive_needs_an_interaction_with_a_comparator(given, told):
    refused = refused_claim(found(**{"claim": Claim.PREDICTIVE} | given))
    assert refused is None if told is None else told in str(refused[1])
