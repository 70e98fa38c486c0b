"""How many statements a page needs: few, however much is stored."""

import datetime

import pytest
import sqlalchemy as sa

from tests.factories import (
    make_administration,
    make_adverse_event,
    make_agent,
    make_arm,
    make_arm_decision,
    make_assay,
    make_biomarker,
    make_cohort,
    make_comment,
    make_dose_decision,
    make_dose_level,
    make_finding,
    make_finding_review,
    make_hypothesis,
    make_import_file,
    make_job,
    make_lesion,
    make_lock,
    make_measurement,
    make_participant,
    make_query,
    make_reference_result,
    make_regimen,
    make_report_snapshot,
    make_reported_outcome,
    make_screen,
    make_signature,
    make_specimen,
    make_trial,
    make_trial_member,
    make_tumor_assessment,
    make_user,
)
from tracker.audit import because
from tracker.exchange.uploads import check
from tracker.extensions import db
from tracker.models import Assay, Attribution, LevelDose, User
from tracker.reports.base import run_report
from tracker.reports.decisions import figures_of_decision
from tracker.reports.kept import keep
from tracker.roles import GRANTS, Role
from tracker.terms.evidence import FindingStatus
from tracker.terms.treatment import Causality
from tracker.terms.trial import EscalationRule

#: Statements that one page may send, besides the one that finds who asks for it.
MOST = 16

#: Pages that may send more: a trial's has its arms, people, decisions, locks and signatures.
MOST_OF = {"trial.show": 18}

#: Addresses beyond those of the first records, and how many statements they may send.
ASKED_FOR_MORE = {
    "/participants/new?trial=1": MOST,
    "/arms/new?trial=1": MOST,
    "/search?q=c": MOST,
    "/participants/?page=2": MOST,
    "/reports/locations": MOST,
    "/reports/breast-gap": MOST,
    # The timeline, with doses, events, assessments, measurements, queries and locks, however many.
    "/participants/1": 15,
}

#: A value for each part of an address that is not a record's number.
PARTS = {"slug": "outcomes", "format": "json", "name": "oncotree_diagnoses"}

#: The mapping of a file that waits to be stored.
MAPPING = """
[trial]
code = "{code}"

[[measurement]]
participant = "id"
assay = "a new assay"
value = "value"
biomarker = "a new biomarker"
kind = "protein"
scale = "continuous"
"""


@pytest.fixture
def centre(app):
    """Trials with arms, cohorts, people, participants, outcomes and measurements; each record with a history.

    The first record of every kind is the one with the most around it.
    """
    agents = [make_agent(name=f"agent {letter}") for letter in "abcdefgh"]
    regimens = [make_regimen(agents=agents[number % 6 : number % 6 + 3]) for number in range(12)]
    trials = [make_trial(accrual_target=100) for _repeat in range(4)]
    trial = trials[0]
    arms = [make_arm(trial=trial, regimen=regimen, planned_n=20) for regimen in regimens]
    for other in trials[1:]:
        make_arm(trial=other, regimen=regimens[0])
    cohorts = [make_cohort(trial=trial, planned_n=20) for _repeat in range(5)]
    for _repeat in range(5):
        user = make_user()
        for one in trials:
            make_trial_member(user=user, trial=one)
    assays = [make_assay(biomarker=make_biomarker()) for _repeat in range(3)]
    for number in range(60):
        participant = make_participant(
            trial=trials[number % 4] if number >= 40 else trial,
            arm=arms[number % 12] if number < 40 else None,
            cohort=cohorts[number % 5] if number < 40 else None,
        )
        make_reported_outcome(participant=participant)
        specimen = make_specimen(participant=participant)
        make_measurement(participant=participant, assay=assays[number % 3], specimen=specimen)
    for assay in assays:
        one = arms[0].participants[0]
        make_measurement(participant=one, assay=assay, specimen=one.specimens[0], timepoint="on treatment")
        make_specimen(participant=one, type="plasma")
    for regimen in regimens:
        for _repeat in range(4):
            make_reference_result(regimen=regimens[0] if _repeat else regimen)
    for participant in arms[0].participants:
        _treat(participant, regimens[0])
    _escalate(arms[0])
    _decide(arms)
    for year in range(1990, 2000):
        make_lock(trial=trial, cut_on=datetime.date(year, 1, 1), locked_by=make_user())
    _sign(trial)
    with because("for the test"):
        for participant in arms[0].participants[:1]:
            for arm, cohort in zip(arms[1:], cohorts[1:]):
                participant.arm, participant.cohort = arm, cohort
                db.session.commit()
        for regimen in regimens[1:]:
            arms[0].regimen = regimen
            db.session.commit()
    return trials


def _judge(trial, user):
    """Ten hypotheses about three markers, findings on each, reviews, comments; every other one is the user's.

    Gives the user's first by their blueprint.
    """
    first = {}
    assays = db.session.scalars(sa.select(Assay).order_by(Assay.id).limit(3)).all()
    for number in range(10):
        assay, author = assays[number % 3], make_user(role=Role.RESEARCHER) if number % 2 else user
        about = {"biomarker": assay.biomarker, "assay": assay, "trial": trial, "author": author}
        status = FindingStatus.SUBMITTED if number else FindingStatus.DRAFT
        hypothesis = make_hypothesis(**about)
        finding = make_finding(hypothesis=hypothesis, status=status, tumor_location="LUNG", **about)
        make_finding(validates=finding, arm=trial.arms[0], **about)
        make_finding_review(finding=finding, decided_by=author)
        comment = make_comment(about=finding, trial=trial, author=author)
        first = first or {"hypothesis": hypothesis.id, "finding": finding.id, "comment": comment.id}
    return first


def _decide(arms):
    """Two decisions on each arm, which rest on a report."""
    for arm in [*arms, *arms]:
        result = run_report("outcomes", [("arm", f"{arm.trial.code}/{arm.code}")])
        decision = make_arm_decision(arm=arm)
        with because("for the test"):
            keep(decision, result, figures_of_decision(result))
            db.session.commit()


def _sign(trial):
    """Frozen reports with two signatures each, and three on the first record of some kinds."""
    for _repeat in range(5):
        snapshot = make_report_snapshot([("trial", trial.code), ("by", "arm")], trials=[trial])
        for _twice in range(2):
            make_signature(snapshot)
    arm = trial.arms[0]
    for record in (arm.participants[0], trial, arm, arm.regimen, arm.participants[1], arm.participants[2]):
        for _repeat in range(3):
            make_signature(record)


def _treat(participant, regimen):
    """Six cycles, six events attributed to each agent, six assessments of three lesions, and what asks for more."""
    lesions = [make_lesion(participant=participant, label=label) for label in ("T1", "T2", "T3")]
    for number in range(6):
        day = datetime.date(2024, 1, 17) + datetime.timedelta(days=28 * number)
        for component in regimen.components:
            make_administration(participant=participant, component=component, cycle=number + 1, given_on=day)
        attributions = [
            Attribution(agent=component.agent, causality=Causality.POSSIBLE)
            for component in regimen.components
        ]
        make_adverse_event(
            participant=participant, started_on=day, serious=True, dlt=True, attributions=attributions
        )
        make_tumor_assessment(
            [(lesion, 40 - 5 * number) for lesion in lesions], participant=participant, assessed_on=day
        )
        make_query(trial=participant.trial, record_id=participant.id)


def _escalate(arm):
    """Five levels of three doses each, participants at the first three, and four decisions."""
    with because("for the test"):
        arm.escalation_rule, arm.target_dlt_rate, arm.toxicity_limit = EscalationRule.BOIN, 0.3, 0.3
        arm.toxicity_certainty, arm.r1, arm.n1, arm.r, arm.n = 0.8, 1, 10, 5, 29
        db.session.commit()
    levels = [make_dose_level(arm=arm, level=number + 1) for number in range(5)]
    with because("for the test"):
        for level in levels:
            level.doses = [LevelDose(component=one, dose=10) for one in arm.regimen.components]
        for number, participant in enumerate(arm.participants):
            participant.dose_level = levels[number % 3]
        db.session.commit()
    user = make_user()
    for level in levels[:4]:
        advice = {
            "action": "stay",
            "next_levels": [1],
            "rule": "BOIN",
            "version": "-",
            "reason": "-",
            "figures": {},
        }
        make_dose_decision(arm=arm, to_level=level, from_level=levels[0], decided_by=user, advice=advice)


@pytest.fixture
def statements(app):
    sent = []

    def note(_connection, _cursor, statement, *_rest):
        if "sign_in" not in statement and not statement.startswith(("BEGIN", "SET", "PRAGMA")):
            sent.append(" ".join(statement.split()))

    sa.event.listen(db.engine, "before_cursor_execute", note)
    yield sent
    sa.event.remove(db.engine, "before_cursor_execute", note)


def test_no_page_needs_many_statements(app, centre, sign_in, statements):
    too_many = [
        line for role in Role for line in _too_many(app, centre, sign_in(role, centre), statements, role)
    ]
    browser = sign_in(Role.PHYSICIAN, centre)
    for address, most in ASKED_FOR_MORE.items():
        assert _ask(browser, address, statements, most).status_code == 200
        if len(statements) > most:
            too_many.append("\n".join([address, *statements]))
    assert not too_many, "\n".join(too_many)


def _too_many(app, centre, browser, statements, role):
    """The pages of a role that send more than MOST statements, with what they send."""
    own = _judge(centre[0], db.session.get(User, browser.user_id))
    file = make_import_file(
        user_id=browser.user_id,
        mapping=MAPPING.format(code=centre[0].code),
        job=make_job(user_id=browser.user_id),
    )
    screen = make_screen(user_id=browser.user_id, trial=centre[0])
    own |= {"import_file": file.id, "job": file.job_id, "screen": screen.id}
    check(file, update=False)
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.endpoint):
        permissions = set(getattr(app.view_functions[rule.endpoint], "permissions", ()))
        if "GET" not in rule.methods or not permissions & GRANTS[role]:
            continue
        first = own.get(rule.endpoint.partition(".")[0], 1)
        values = {name: first if name == "id" else PARTS[name] for name in rule.arguments}
        _subdomain, address = rule.build(values)
        most = MOST_OF.get(rule.endpoint, MOST)
        answer = _ask(browser, address, statements, most)
        # The preview of a file that has faults is a refusal.
        expected = (422,) if rule.endpoint == "import_file.show" else (200, 302)
        assert answer.status_code in expected, f"{role}: {address} answered {answer.status_code}"
        if len(statements) > most:
            lines = "\n    ".join(one[:160] for one in statements)
            yield f"{role}: {address} sends {len(statements)} statements:\n    {lines}"


def _ask(browser, address, statements, most):
    """The answer, with what it sent in statements: the second time, if the first had to fill the memory."""
    for _time in range(2):
        statements.clear()
        answer = browser.get(address)
        if len(statements) <= most:
            break
    return answer
