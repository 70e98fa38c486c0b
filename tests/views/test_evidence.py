"""Hypotheses and findings: who enters them, who judges them, and what a change does to them."""

import datetime

import pytest
import sqlalchemy as sa

from tests.factories import (
    make_assay,
    make_biomarker,
    make_comment,
    make_finding,
    make_hypothesis,
    make_measurement,
    make_participant,
    make_specimen,
    make_trial,
    make_user,
)
from tracker import clock
from tracker.audit import because
from tracker.extensions import db
from tracker.models import Comment, Finding, FindingReview, Hypothesis
from tracker.roles import Role
from tracker.terms.evidence import Claim, EvidenceDirection, FindingSource, FindingStatus, StudyCategory

RESULT = {
    "claim": "associated with response",
    "higher_means": "better",
    "direction": "supports",
    "endpoint": "os",
    "effect_measure": "hazard ratio",
    "estimate": "0.64",
    "n": "120",
    "markers_tried": "1",
    "source": "own analysis",
}


@pytest.fixture
def researcher(sign_in):
    return sign_in(Role.RESEARCHER)


@pytest.fixture
def marker(app):
    return make_biomarker(name="Tumor mutational burden")


def enter(browser, marker, **given):
    return browser.submit(f"/findings/new?biomarker={marker.id}", **RESULT | given)


def press_submit(browser, finding):
    """The button on the finding's page."""
    token = (
        browser.get(f"/findings/{finding.id}")
        .text.partition('name="csrf_token" value="')[2]
        .partition('"')[0]
    )
    return browser.post(f"/findings/{finding.id}/submit", data={"csrf_token": token})


def decide(browser, finding, decision, reason="As discussed."):
    return browser.submit(f"/finding-reviews/new?finding={finding.id}", decision=decision, reason=reason)


def stored(model=Finding):
    db.session.rollback()
    return db.session.scalars(sa.select(model)).one()


def test_a_finding_is_returned_with_a_reason_mended_resubmitted_and_accepted(sign_in, researcher, marker):
    assert enter(researcher, marker).status_code == 303
    finding = stored()
    assert (finding.status, finding.author_id) == (FindingStatus.DRAFT, researcher.user_id)
    assert press_submit(researcher, finding).status_code == 303
    director = sign_in(Role.DIRECTOR)
    assert "Tumor mutational burden" in director.get("/").text
    assert decide(director, finding, "returned", "How many markers were tried?").status_code == 303
    assert stored().status is FindingStatus.RETURNED
    assert "How many markers were tried?" in researcher.get(f"/findings/{finding.id}").text
    changed = researcher.submit(
        f"/findings/{finding.id}/edit", markers_tried="12", reason="As the review asked."
    )
    assert changed.status_code == 303
    assert press_submit(researcher, finding).status_code == 303
    assert decide(director, finding, "accepted").status_code == 303
    assert (stored().status, stored().markers_tried) == (FindingStatus.ACCEPTED, 12)
    assert len(db.session.scalars(sa.select(FindingReview)).all()) == 2


def test_nobody_decides_on_their_own_finding(sign_in, marker):
    """A researcher who has become the director."""
    director = sign_in(Role.DIRECTOR)
    own = make_finding(biomarker=marker, author_id=director.user_id, status=FindingStatus.SUBMITTED)
    assert "Decide" not in director.get(f"/findings/{own.id}").text
    answer = decide(director, own, "accepted")
    assert answer.status_code == 422
    assert "Nobody decides on their own finding." in answer.text
    assert stored().status is FindingStatus.SUBMITTED


@pytest.mark.parametrize("status", [one for one in FindingStatus if one is not FindingStatus.SUBMITTED])
def test_only_what_is_submitted_is_decided_on(sign_in, marker, status):
    finding = make_finding(biomarker=marker, status=status)
    assert decide(sign_in(Role.DIRECTOR), finding, "accepted").status_code == 422
    assert stored().status is status


def test_a_decision_needs_its_reason(sign_in, marker):
    finding = make_finding(biomarker=marker, status=FindingStatus.SUBMITTED)
    assert decide(sign_in(Role.DIRECTOR), finding, "rejected", " ").status_code == 422
    assert stored().status is FindingStatus.SUBMITTED


@pytest.mark.parametrize(
    "role, edits, decides, comments",
    [
        (Role.RESEARCHER, 200, 403, 200),
        (Role.PHYSICIAN, 403, 403, 200),
        (Role.DIRECTOR, 403, 200, 200),
        (Role.MONITOR, 403, 403, 403),
        (Role.ADMIN, 403, 403, 403),
    ],
)
def test_who_edits_does_not_decide(sign_in, marker, role, edits, decides, comments):
    browser = sign_in(role)
    finding = make_finding(biomarker=marker, author_id=browser.user_id)
    assert browser.get(f"/findings/{finding.id}/edit").status_code == edits
    assert browser.get(f"/finding-reviews/new?finding={finding.id}").status_code == decides
    said = browser.get(f"/comments/new?record_type=finding&record_id={finding.id}")
    assert said.status_code == comments


@pytest.mark.parametrize("name, make", [("findings", make_finding), ("hypotheses", make_hypothesis)])
def test_only_the_author_edits_and_withdraws(sign_in, researcher, name, make):
    record = make(author=make_user(role=Role.RESEARCHER))
    for action in ("edit", "withdraw"):
        assert researcher.get(f"/{name}/{record.id}/{action}").status_code == 403
        assert f"/{name}/{record.id}/{action}" not in researcher.get(f"/{name}/{record.id}").text


def test_only_its_author_edits_a_biomarker_and_any_researcher_one_without_author(researcher, sign_in):
    mine = make_biomarker(author_id=researcher.user_id)
    imported = make_biomarker()
    other = sign_in(Role.RESEARCHER)
    assert [researcher.get(f"/biomarkers/{one.id}/edit").status_code for one in (mine, imported)] == [
        200,
        200,
    ]
    assert [other.get(f"/biomarkers/{one.id}/edit").status_code for one in (mine, imported)] == [403, 200]


def test_another_researcher_does_not_submit_it(sign_in, researcher, marker):
    finding = make_finding(biomarker=marker, author_id=researcher.user_id)
    other = sign_in(Role.RESEARCHER)
    token = other.get("/account").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    assert other.post(f"/findings/{finding.id}/submit", data={"csrf_token": token}).status_code == 403
    assert stored().status is FindingStatus.DRAFT


@pytest.mark.parametrize("status", [FindingStatus.SUBMITTED, FindingStatus.ACCEPTED, FindingStatus.REJECTED])
def test_what_waits_or_was_judged_is_not_changed(researcher, marker, status):
    finding = make_finding(biomarker=marker, author_id=researcher.user_id, status=status)
    assert researcher.get(f"/findings/{finding.id}/edit").status_code == 409


def test_a_publication_claims_prediction_only_with_an_interaction(researcher, marker):
    """Its data are not here to be asked: what was typed of its design decides."""
    published = {"source": FindingSource.PUBLICATION, "doi": "10.1056/NEJMoa1809697"}
    finding = make_finding(
        biomarker=marker, author_id=researcher.user_id, claim=Claim.PREDICTIVE, **published
    )
    answer = press_submit(researcher, finding)
    assert answer.status_code == 422
    assert 'id="has_comparator-error"' in answer.text
    assert "Without a comparator nothing is predictive" in answer.text
    assert stored().status is FindingStatus.DRAFT


@pytest.mark.parametrize(
    "given, field",
    [
        ({"source": "publication"}, "doi"),
        ({"source": "publication", "doi": "NEJM 2019"}, "doi"),
        ({"source": "publication", "pmid": "PMC123"}, "pmid"),
        ({"ci_low": "0.9", "ci_high": "0.5"}, "ci_high"),
        ({"ci_low": "0.7", "ci_high": "0.9"}, "estimate"),
        ({"estimate": "-1"}, "estimate"),
        ({"events": "130"}, "events"),
        ({"cutoff": "10"}, "cutoff_origin"),
        ({"p_value": "1.2"}, "p_value"),
        ({"markers_tried": "0"}, "markers_tried"),
    ],
)
def test_a_finding_that_cannot_be_is_refused(refused, researcher, marker, given, field):
    refused(researcher, f"/findings/new?biomarker={marker.id}", field=field, **RESULT | given)


@pytest.mark.parametrize(
    "given, doi, pmid",
    [
        ({"doi": "https://doi.org/10.1056/NEJMoa1809697"}, "10.1056/NEJMoa1809697", None),
        ({"doi": "10.1016/S1470-2045(17)30422-9"}, "10.1016/S1470-2045(17)30422-9", None),
        ({"pmid": "PMID: 30345906"}, None, "30345906"),
    ],
)
def test_a_publication_is_named_by_its_doi_or_pmid(researcher, marker, given, doi, pmid):
    assert enter(researcher, marker, source="publication", **given).status_code == 303
    assert (stored().doi, stored().pmid) == (doi, pmid)


def test_the_page_of_a_finding_tells_its_level_and_links_to_what_remark_misses(researcher, marker):
    finding = make_finding(
        biomarker=marker,
        author_id=researcher.user_id,
        study_category=StudyCategory.B,
        assay=make_assay(biomarker=marker),
    )
    page = researcher.get(f"/findings/{finding.id}").text
    assert "Level II" in page
    assert f"/findings/{finding.id}/edit#hypothesis" in page
    assert f"/assays/{finding.assay_id}/edit#platform" in page
    make_finding(biomarker=marker, validates=finding, status=FindingStatus.SUBMITTED)
    assert "Level II" in researcher.get(f"/findings/{finding.id}").text
    make_finding(biomarker=marker, validates=finding, status=FindingStatus.ACCEPTED)
    page = researcher.get(f"/findings/{finding.id}").text
    assert "Level I" in page
    assert "Level II" not in page


def test_items_of_remark_are_typed_in_rows_one_row_each(researcher, marker):
    rows = {
        "remark_answers-0-item": "9",
        "remark_answers-0-status": "reported",
        "remark_answers-0-text": "80 % power",
    }
    assert enter(researcher, marker, **rows).status_code == 303
    assert "80 % power" in researcher.get(f"/findings/{stored().id}").text
    twice = rows | {"remark_answers-1-item": "9", "remark_answers-1-status": "partly reported"}
    answer = enter(researcher, marker, **twice)
    assert answer.status_code == 422
    assert "An item stands in one row only." in answer.text


# Before data, confirmatory


@pytest.fixture
def trial(app):
    return make_trial()


def register(browser, marker, **given):
    typed = {
        "best_category": "predictive",
        "endpoint": "os",
        "higher_means": "better",
        "population": "Advanced disease",
    }
    assert browser.submit(f"/hypotheses/new?biomarker={marker.id}", **typed | given).status_code == 303
    return stored(Hypothesis)


def measure(marker, trial, days, **given):
    """A value of the marker, of a day so long after today."""
    return make_measurement(
        assay=make_assay(biomarker=marker),
        participant=make_participant(trial=trial),
        measured_on=clock.today() + datetime.timedelta(days=days),
        **given,
    )


@pytest.mark.parametrize(
    "stored_first, days, told",
    [(False, 3, "Before data"), (False, -3, "Data existed"), (True, 3, "Data existed")],
)
def test_a_hypothesis_is_before_data_if_all_is_stored_and_dated_later(
    sign_in, marker, trial, stored_first, days, told
):
    browser = sign_in(Role.RESEARCHER, [trial])
    if stored_first:
        measure(marker, trial, days)
    hypothesis = register(browser, marker)
    if not stored_first:
        measure(marker, trial, days)
    assert f">{told}</span>" in browser.get(f"/hypotheses/{hypothesis.id}").text


@pytest.mark.parametrize("what", ["measurement", "participant"])
def test_what_came_in_a_file_existed_whatever_its_day(sign_in, marker, trial, what):
    browser = sign_in(Role.RESEARCHER, [trial])
    hypothesis = register(browser, marker)
    if what == "measurement":
        measure(marker, trial, 3, imported=True)
    else:
        make_participant(trial=trial, imported=True)
    assert ">Data existed</span>" in browser.get(f"/hypotheses/{hypothesis.id}").text


def test_a_specimen_that_was_collected_before_existed(sign_in, marker, trial):
    browser = sign_in(Role.RESEARCHER, [trial])
    hypothesis = register(browser, marker)
    person = make_participant(trial=trial)
    make_specimen(participant=person, collected_on=clock.today() - datetime.timedelta(days=9))
    assert ">Data existed</span>" in browser.get(f"/hypotheses/{hypothesis.id}").text


def test_data_of_another_population_or_marker_do_not_count(sign_in, marker, trial):
    browser = sign_in(Role.RESEARCHER, [trial])
    measure(marker, make_trial(), -3)
    measure(make_biomarker(), trial, -3)
    hypothesis = register(browser, marker, trial=str(trial.id))
    assert ">Before data</span>" in browser.get(f"/hypotheses/{hypothesis.id}").text


def test_data_that_the_author_may_not_see_existed_all_the_same(researcher, marker):
    measure(marker, make_trial(), 3)
    hypothesis = register(researcher, marker)
    assert ">Data existed</span>" in researcher.get(f"/hypotheses/{hypothesis.id}").text


def test_an_amendment_after_the_data_is_shown_and_counts_from_its_day(sign_in, marker, trial):
    browser = sign_in(Role.RESEARCHER, [trial])
    hypothesis = register(browser, marker)
    measure(marker, trial, 3)
    address = f"/hypotheses/{hypothesis.id}"
    browser.submit(f"{address}/edit", rationale="Neoantigens.", reason="Said better.")
    assert ">Before data</span>" in browser.get(address).text
    browser.submit(f"{address}/edit", higher_means="worse", reason="The data say so.")
    page = browser.get(address).text
    assert ">Data existed</span>" in page
    assert "The data say so." in page


def test_a_finding_is_confirmatory_while_it_matches_its_hypothesis(sign_in, marker, trial):
    browser = sign_in(Role.RESEARCHER, [trial])
    hypothesis = register(browser, marker)
    measure(marker, trial, 3)
    enter(browser, marker, hypothesis=str(hypothesis.id))
    address = f"/findings/{stored().id}"
    assert "Confirmatory" in browser.get(address).text
    with because("for the test"):
        stored().tumor_location = "BREAST"
        db.session.commit()
    page = browser.get(address).text
    assert "Exploratory" in page
    assert "It differs from its hypothesis in: Tumor location." in page


# Comments


def say(browser, record, text):
    name = record.__tablename__
    return browser.submit(f"/comments/new?record_type={name}&record_id={record.id}", text=text)


def test_a_comment_stands_on_its_record_and_on_the_first_page_of_whom_it_mentions(
    sign_in, researcher, marker
):
    finding = make_finding(biomarker=marker, author_id=researcher.user_id)
    author = stored().author.name
    physician = sign_in(Role.PHYSICIAN)
    assert say(physician, finding, f"@{author}: was the assay blinded?").status_code == 303
    assert "was the assay blinded?" in researcher.get(f"/findings/{finding.id}").text
    assert "was the assay blinded?" in researcher.get("/").text
    assert "was the assay blinded?" not in sign_in(Role.RESEARCHER).get("/").text


def test_a_mention_that_reaches_nobody_is_refused(sign_in, marker, trial):
    outsider = make_user(role=Role.PHYSICIAN)
    finding = make_finding(biomarker=marker, trial=trial)
    browser = sign_in(Role.PHYSICIAN, [trial])
    for name in ("nobody", outsider.name):
        answer = say(browser, finding, f"@{name} what do you think?")
        assert answer.status_code == 422
        assert f"@{name}" in answer.text
    assert db.session.scalar(sa.select(sa.func.count(Comment.id))) == 0


def test_only_its_author_takes_a_comment_back(sign_in, marker):
    browser = sign_in(Role.PHYSICIAN)
    comment = make_comment(about=make_finding(biomarker=marker), author_id=browser.user_id)
    address = f"/comments/{comment.id}/withdraw"
    assert sign_in(Role.PHYSICIAN).get(address).status_code == 403
    assert browser.submit(address, reason="Said by mistake.").status_code == 303
    assert "Was the assay blinded?" not in browser.get(f"/findings/{comment.record_id}").text


def test_a_record_of_another_trial_is_not_commented_on(sign_in, marker):
    finding = make_finding(biomarker=marker, trial=make_trial())
    browser = sign_in(Role.PHYSICIAN, [make_trial()])
    assert browser.get(f"/comments/new?record_type=finding&record_id={finding.id}").status_code == 404


# First pages, and the page of a biomarker


def test_the_researcher_finds_their_findings_and_hypotheses_without_data(sign_in, marker, trial):
    browser = sign_in(Role.RESEARCHER, [trial])
    make_finding(biomarker=marker, author_id=browser.user_id, status=FindingStatus.RETURNED)
    register(browser, marker)
    page = browser.get("/").text
    assert "My findings" in page
    assert "Returned" in page
    assert "Hypotheses without data" in page
    measure(marker, trial, 3)
    assert "Hypotheses without data" not in browser.get("/").text


def test_the_director_finds_what_awaits_review_but_not_their_own(sign_in, marker):
    director = sign_in(Role.DIRECTOR)
    make_finding(biomarker=marker, author_id=director.user_id, status=FindingStatus.SUBMITTED)
    assert "Findings awaiting review" not in director.get("/").text
    make_finding(biomarker=marker, status=FindingStatus.SUBMITTED)
    assert "Findings awaiting review" in director.get("/").text


def test_a_biomarkers_page_says_where_accepted_findings_contradict_each_other(researcher, marker):
    for location in ("BREAST", "LUNG"):
        make_finding(biomarker=marker, tumor_location=location, status=FindingStatus.ACCEPTED)
    address = f"/biomarkers/{marker.id}"
    assert "contradict each other" not in researcher.get(address).text
    against = make_finding(biomarker=marker, tumor_location="BREAST", direction=EvidenceDirection.AGAINST)
    assert "contradict each other" not in researcher.get(address).text
    with because("for the test"):
        against.status = FindingStatus.ACCEPTED
        db.session.commit()
    assert researcher.get(address).text.count("contradict each other") == 1
