"""Everything that is changed is told: who, when, what, why; and what cannot be told cannot be changed."""

import contextlib
import dataclasses
import datetime
import enum
from collections import defaultdict

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from tests.conftest import form_values
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
    make_lesion,
    make_lock,
    make_measurement,
    make_participant,
    make_query,
    make_reference_result,
    make_regimen,
    make_reported_outcome,
    make_specimen,
    make_trial,
    make_trial_member,
    make_tumor_assessment,
    make_user,
)
from tests.tables import copy_tables, differences
from tracker import cli, clock, scope
from tracker.audit import because, store_rows
from tracker.extensions import db
from tracker.models import (
    Agent,
    AuditEvent,
    DataVersion,
    LesionMeasurement,
    Participant,
    Record,
    Regimen,
    RegimenComponent,
    Trial,
    TumorAssessment,
    User,
)
from tracker.models.base import Part
from tracker.reads.base import in_scope
from tracker.reads.participant import participants_frame
from tracker.roles import Role
from tracker.terms.account import Action
from tracker.terms.evidence import FindingStatus
from tracker.terms.participant import Sex
from tracker.terms.response import LesionState, Modality
from tracker.values import Refusal

PASSWORD = "quinze ou plus lettres"


def events_since(number):
    db.session.rollback()
    return db.session.scalars(
        sa.select(AuditEvent).where(AuditEvent.id > number).order_by(AuditEvent.id)
    ).all()


def last_event():
    return db.session.scalar(sa.select(sa.func.coalesce(sa.func.max(AuditEvent.id), 0)))


def data_versions():
    db.session.rollback()
    return dict(db.session.execute(sa.select(DataVersion.trial_id, DataVersion.version)).all())


# What pages store, compared with every table


#: Columns and tables that follow from a change, or tell of it.
FOLLOWS = {"id", "version", "created_at", "updated_at", "search_text"}
HOUSEKEEPING = {
    "audit_event",
    "audit_seal",
    "refused_sign_in",
    "data_version",
    "submission",
    "sign_in",
    "draft",
}
HOUSEKEEPING |= {"second_factor", "recovery_code"}  # secrets: what happens to them is told without them

MODELS = {model.__tablename__: model for model in [*Record.__subclasses__(), *Part.__subclasses__()]}


def told(value, column):
    """A stored value as the trail should have it."""
    if value is None:
        return None
    if column.info.get("secret"):
        return "***"
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    return value.value if isinstance(value, enum.Enum) else value


def expected_changes(changed, before, after):
    """{(record type, number): {field: [old, new]}} for what differs between two copies of all tables."""
    expected = {}
    for (table, (key,)), columns in changed.items():
        if table in HOUSEKEEPING:
            continue
        model, prefix, record = MODELS[table], "", (table, key)
        if issubclass(model, Part):
            row = (after[table].get((key,)) or before[table][key,])[f"{model.owner}_id"]
            owner = sa.inspect(model).relationships[model.owner].mapper.class_
            record, prefix = (owner.__tablename__, row), f"{model.rows}.{key}."
        for name, (old, new) in columns.items():
            if name not in FOLLOWS and name != f"{getattr(model, 'owner', None)}_id":
                column = model.__table__.c[name]
                values = [told(old, column), told(new, column)]
                if values != [None, None] and (values[0] != values[1] or column.info.get("secret")):
                    expected.setdefault(record, {})[prefix + name] = values
    return expected


@dataclasses.dataclass
class Stored:
    """One record of every kind, for forms to change."""

    trial: int
    arm: int
    cohort: int
    agent: int
    regimen: int
    reference_result: int
    participant: int
    reported_outcome: int
    biomarker: int
    assay: int
    measurement: int
    user: int
    member: int
    idle_agent: int
    administration: int
    adverse_event: int
    lesion: int
    tumor_assessment: int
    dose_level: int
    dose_decision: int
    hypothesis: int
    finding: int
    submitted: int
    finding_review: int
    comment: int
    query: int
    idle_user: int
    idle_participant: int
    idle_arm: int
    idle_cohort: int
    idle_regimen: int
    idle_lesion: int
    idle_dose_level: int
    idle_assay: int
    idle_biomarker: int
    specimen: int
    arm_decision: int
    lock: int


@pytest.fixture
def stored(app):
    trial, user, agent = make_trial(accrual_target=40), make_user(), make_agent(name="pembrolizumab")
    regimen = make_regimen(agents=[agent, make_agent(name="lenvatinib")])
    arm, cohort = make_arm(trial=trial, regimen=regimen), make_cohort(trial=trial)
    participant = make_participant(trial=trial, arm=arm, cohort=cohort)
    records = [
        *(trial, arm, cohort, agent, regimen, make_reference_result(regimen=regimen), participant),
        *(make_reported_outcome(participant=participant), make_biomarker(), assay := make_assay()),
        *(make_measurement(participant=participant, assay=assay), user),
        *(make_trial_member(user=user, trial=trial), make_agent(name="idle")),
        *(
            make_administration(participant=participant, component=regimen.components[0]),
            make_adverse_event(participant=participant),
        ),
        lesion := make_lesion(participant=participant),
        make_tumor_assessment([(lesion, 20)], participant=participant),
        level := make_dose_level(arm=arm),
        make_dose_decision(arm=arm, to_level=level),
        *(make_hypothesis(), make_finding(), make_finding(status=FindingStatus.SUBMITTED)),
        make_finding_review(finding=make_finding(status=FindingStatus.RETURNED)),
        make_comment(trial=trial, record_type="trial", record_id=trial.id),
        make_query(trial=trial, participant=participant),
        *(make_user(), make_participant(trial=trial), make_arm(trial=trial), make_cohort(trial=trial)),
        *(
            make_regimen(),
            make_lesion(participant=participant),
            make_dose_level(arm=arm, level=9),
            make_assay(),
        ),
        make_biomarker(),
        make_specimen(participant=participant),
        make_arm_decision(arm=arm),
        make_lock(trial=trial, cut_on=datetime.date(1990, 1, 1)),
    ]
    return Stored(*(record.id for record in records))


WHY = "The source was read again."

SAVES = [
    (
        Role.PHYSICIAN,
        "/trials/new",
        dict(
            code="NEW-1",
            title="A new trial",
            phase="PHASE1",
            status="RECRUITING",
            design="basket",
            response_criteria="iRECIST",
            is_randomised="1",
            opened_on="2024-02-29",
            synopsis="Déjà vu",
        ),
    ),
    (Role.PHYSICIAN, "/trials/{trial}/edit", dict(title="Another title", accrual_target="41", reason=WHY)),
    (Role.PHYSICIAN, "/trials/{trial}/edit", dict(is_blinded="1", setting="", reason=WHY)),
    (Role.DIRECTOR, "/trials/{trial}/release", dict(results_released="1", reason=WHY)),
    (
        Role.PHYSICIAN,
        "/arms/new?trial={trial}",
        dict(code="B", title="Arm B", type="placebo", regimen="{regimen}", status="open", planned_n="20"),
    ),
    (Role.PHYSICIAN, "/arms/{arm}/edit", dict(type="no treatment", regimen="", reason=WHY)),
    (
        Role.PHYSICIAN,
        "/cohorts/new?trial={trial}",
        dict(name="Breast", tumor_location="BREAST", subtype="TNBC", status="open"),
    ),
    (Role.PHYSICIAN, "/cohorts/{cohort}/edit", dict(name="Élan", reason=WHY)),
    (
        Role.PHYSICIAN,
        "/agents/new",
        dict(name="axitinib", mechanism_class="anti-angiogenic", modality="small molecule"),
    ),
    (Role.PHYSICIAN, "/agents/{agent}/edit", dict(target="PD-1", code="MK-3475")),
    (
        Role.PHYSICIAN,
        "/regimens/new",
        {
            "name": "pembrolizumab",
            "components-0-agent": "{agent}",
            "components-0-role": "backbone",
            "components-0-dose": "200",
            "components-0-unit": "mg",
            "components-0-route": "intravenous",
            "components-0-schedule": "q3w",
            "components-0-start_day": "1",
        },
    ),
    (Role.PHYSICIAN, "/regimens/{regimen}/edit", {"components-0-dose": "400", "components-0-unit": "mg"}),
    (
        Role.PHYSICIAN,
        "/regimens/{regimen}/edit",
        {
            "components-1-role": "sequential",
            "name": "both",
            "components-2-agent": "{idle_agent}",
            "components-2-role": "added",
            "reason": WHY,
        },
    ),
    (
        Role.PHYSICIAN,
        "/reference-results/new?regimen={regimen}",
        dict(tumor_location="SKIN", endpoint="orr", x="3", n="9", citation="Robert 2015", x_is_rounded="1"),
    ),
    (Role.PHYSICIAN, "/reference-results/{reference_result}/edit", dict(x="11", reason=WHY)),
    (
        Role.PHYSICIAN,
        "/participants/new?trial={trial}",
        dict(
            code="CCI-9001",
            tumor_location="LUNG",
            sex="male",
            enrolled_on="2024-03-01",
            arm="{arm}",
            prior_immunotherapy="no",
            age_at_enrolment="61.5",
            prior_lines="1+",
        ),
    ),
    (
        Role.PHYSICIAN,
        "/participants/{participant}/edit",
        dict(ecog="2", died_on="2024-12-24", cohort="", reason=WHY),
    ),
    (
        Role.PHYSICIAN,
        "/reported-outcomes/{reported_outcome}/edit",
        dict(best_overall_response="CR", pfs_months="7.25", pfs_event="yes", reason=WHY),
    ),
    (Role.PHYSICIAN, "/participants/{idle_participant}/withdraw", dict(reason=WHY)),
    (Role.PHYSICIAN, "/trials/{trial}/withdraw", dict(reason=WHY)),
    (Role.PHYSICIAN, "/agents/{idle_agent}/withdraw", dict(reason=WHY)),
    (Role.RESEARCHER, "/biomarkers/new", dict(name="TMB", kind="mutational burden")),
    (Role.RESEARCHER, "/biomarkers/{biomarker}/edit", dict(rationale="Neoantigens.")),
    (
        Role.RESEARCHER,
        "/assays/new?biomarker={biomarker}",
        dict(name="TMB panel", scale="continuous", unit="mut/Mb", positive_cutoff="10"),
    ),
    (
        Role.RESEARCHER,
        "/measurements/new?participant={participant}",
        dict(assay="{assay}", value="0.1", measured_on="2024-01-02", qc_status="passed", qualifier="<"),
    ),
    (Role.RESEARCHER, "/measurements/{measurement}/edit", dict(value="8.5", reason=WHY)),
    (
        Role.ADMIN,
        "/users/new",
        dict(name="Newcomer", display_name="Dr New", role="monitor", password=PASSWORD),
    ),
    (Role.ADMIN, "/users/{user}/edit", dict(role="researcher", display_name="Dr Changed")),
    (Role.ADMIN, "/users/{user}/password", dict(password=PASSWORD)),
    (Role.ADMIN, "/trial-members/new?trial={trial}", dict(user="{idle_user}")),
    (
        Role.PHYSICIAN,
        "/reported-outcomes/new?participant={idle_participant}",
        dict(best_overall_response="PR", source="chart"),
    ),
    (
        Role.PHYSICIAN,
        "/administrations/new?participant={participant}",
        {"doses-0-dose": "190", "doses-0-modification": "reduced", "doses-0-modification_reason": "rash"},
    ),
    (Role.PHYSICIAN, "/administrations/{administration}/edit", dict(dose="150", reason=WHY)),
    (
        Role.PHYSICIAN,
        "/adverse-events/new?participant={participant}",
        dict(term="Pneumonitis", grade="2", started_on="2024-02-14"),
    ),
    (
        Role.PHYSICIAN,
        "/adverse-events/{adverse_event}/edit",
        dict(grade="3", narrative="Dyspnoea.", reason=WHY),
    ),
    (
        Role.PHYSICIAN,
        "/lesions/new?participant={participant}",
        dict(label="T9", role="target", place="left lung", organ="lung"),
    ),
    (Role.PHYSICIAN, "/lesions/{lesion}/edit", dict(place="right lobe", reason=WHY)),
    (
        Role.PHYSICIAN,
        "/tumor-assessments/new?participant={participant}",
        {"assessed_on": "2024-04-13", "modality": "CT", "measurements-{lesion}": "15"},
    ),
    (
        Role.PHYSICIAN,
        "/tumor-assessments/{tumor_assessment}/edit",
        {"measurements-{lesion}": "21", "reason": WHY},
    ),
    (Role.PHYSICIAN, "/dose-levels/new?arm={arm}", dict(level="2")),
    (Role.PHYSICIAN, "/dose-levels/{dose_level}/edit", dict(level="3", reason=WHY)),
    (Role.PHYSICIAN, "/dose-decisions/new?arm={arm}", dict(decided="declare MTD", to_level="{dose_level}")),
    (
        Role.RESEARCHER,
        "/hypotheses/new?biomarker={biomarker}",
        dict(best_category="predictive", endpoint="os", higher_means="better", population="Advanced disease"),
    ),
    (Role.RESEARCHER, "/hypotheses/{hypothesis}/edit", dict(population="All comers", reason=WHY)),
    (
        Role.RESEARCHER,
        "/findings/new?biomarker={biomarker}",
        {
            **{
                "claim": "associated with response",
                "higher_means": "better",
                "direction": "supports",
                "endpoint": "os",
            },
            **{"effect_measure": "hazard ratio", "estimate": "0.64", "n": "120", "markers_tried": "1"},
            **{"source": "own analysis", "remark_answers-0-item": "8", "remark_answers-0-status": "reported"},
        },
    ),
    (Role.RESEARCHER, "/findings/{finding}/edit", dict(markers_tried="12", reason=WHY)),
    (Role.DIRECTOR, "/finding-reviews/new?finding={submitted}", dict(decision="accepted", reason=WHY)),
    (Role.PHYSICIAN, "/comments/new?record_type=trial&record_id={trial}", dict(text="Seen.")),
    (
        Role.PHYSICIAN,
        "/queries/new?record_type=participant&record_id={participant}",
        dict(field="ecog", question="Really 1?"),
    ),
    (
        Role.RESEARCHER,
        "/specimens/new?participant={participant}",
        dict(barcode="B-9001", type="blood", timepoint="baseline", collected_on="2024-01-08"),
    ),
    (Role.RESEARCHER, "/specimens/{specimen}/edit", dict(barcode="B-9002", reason=WHY)),
    (Role.DIRECTOR, "/arm-decisions/new?arm={idle_arm}", dict(decision="pause", reason=WHY)),
    (Role.DIRECTOR, "/arm-decisions/{arm_decision}/withdraw", dict(reason=WHY)),
    (Role.DIRECTOR, "/locks/new?trial={trial}&participant={idle_participant}", dict(reason=WHY)),
    (Role.DIRECTOR, "/locks/{lock}/unlock", dict(reason=WHY)),
    (Role.PHYSICIAN, "/queries/{query}/answer", dict(text="Yes.")),
    (Role.MONITOR, "/queries/{query}/close", dict(state="closed", text="Settled.")),
]

#: Every kind can be withdrawn; the forms are all alike.
WITHDRAWN = {
    Role.PHYSICIAN: [
        *("idle_arm", "idle_cohort", "idle_regimen", "idle_lesion", "idle_dose_level", "reference_result"),
        *("reported_outcome", "administration", "adverse_event", "tumor_assessment", "dose_decision"),
    ],
    Role.RESEARCHER: ["idle_assay", "measurement", "finding", "specimen"],
}
SAVES += [
    (role, f"/{name.removeprefix('idle_').replace('_', '-')}s/{{{name}}}/withdraw", dict(reason=WHY))
    for role, names in WITHDRAWN.items()
    for name in names
]
SAVES += [
    (Role.RESEARCHER, "/hypotheses/{hypothesis}/withdraw", dict(reason=WHY)),
    (Role.RESEARCHER, "/biomarkers/{idle_biomarker}/withdraw", dict(reason=WHY)),
    (Role.PHYSICIAN, "/comments/{comment}/withdraw", dict(reason=WHY)),
    (Role.RESEARCHER, "/assays/{assay}/edit", dict(clone="22C3", reason=WHY)),
    (Role.ADMIN, "/trial-members/{member}/withdraw", dict(reason=WHY)),
]

#: Addresses that change something and are not in this list, each with who tests it.
ELSEWHERE = {
    "user.disable": "the test of buttons",
    "user.enable": "the test of buttons",
    "finding.submit": "the test of buttons",
    "import_file.store": "tests/test_told.py",
    "finding.take_figures": "tests/test_told.py",
    **dict.fromkeys(
        [f"account.{name}" for name in ("sign_in", "sign_out", "revoke", "setup", "password")],
        "views/test_trail.py",
    ),
    **dict.fromkeys(
        [f"second_factor.{name}" for name in ("turn_on", "turn_off", "recovery_codes")]
        + ["account.code", "user.reset_second_factor"],
        "views/test_second_factor.py",
    ),
    "account.confirm": "tests/test_told.py: it changes when the password was last given",
    "screen.new": "tests/test_told.py: a screen is a job and its result, which one person sees",
    "screen.discard": "tests/test_told.py: a screen is a job and its result, which one person sees",
    **dict.fromkeys(["signature.new", "report_snapshot.new"], "views/test_signing.py"),
    "draft.keep": "what was typed and not saved is no record, and no event holds it",
    "draft.discard": "what was typed and not saved is no record, and no event holds it",
    "home.theme": "a cookie",
    "home.language": "a cookie",
    **dict.fromkeys(
        [f"import_file.{name}" for name in ("new", "map", "mend", "check", "paste", "replace", "discard")],
        "tests/test_told.py: an uploaded file is no record until it is stored",
    ),
}


@pytest.mark.parametrize(
    "role, address, fields", SAVES, ids=[f"{address} {i}" for i, (_r, address, _f) in enumerate(SAVES)]
)
def test_every_difference_that_a_form_makes_is_in_the_trail(stored, sign_in, role, address, fields):
    numbers = dataclasses.asdict(stored)
    browser = sign_in(role, [db.session.get(Trial, stored.trial)])
    before, last = copy_tables(), last_event()
    typed = {name.format(**numbers): text.format(**numbers) for name, text in fields.items()}
    answer = browser.submit(address.format(**numbers), **typed)
    assert answer.status_code == 303
    after, events = copy_tables(), events_since(last)
    expected = expected_changes(differences(before, after), before, after)
    assert expected, "the form changed nothing"
    assert {(event.record_type, event.record_id): event.changes for event in events} == expected
    assert len(events) == len(expected), "one event a record"
    assert {(event.user_id, event.role) for event in events} == {(browser.user_id, role.value)}
    assert {event.reason for event in events} == {fields.get("reason")}
    assert len({event.request_id for event in events}) == 1


def test_every_address_that_changes_something_is_compared_with_the_trail(app):
    adapter = app.url_map.bind("localhost")
    numbers = dict.fromkeys((field.name for field in dataclasses.fields(Stored)), 1)
    compared = {
        adapter.match(address.format(**numbers).partition("?")[0], method="POST")[0]
        for _role, address, _fields in SAVES
    }
    changing = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in rule.methods}
    assert changing - compared - ELSEWHERE.keys() == set()


def test_a_submitted_finding_is_in_the_trail(stored, sign_in):
    browser = sign_in(Role.RESEARCHER)
    token = browser.get("/account").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    before, last = copy_tables(), last_event()
    assert browser.post(f"/findings/{stored.finding}/submit", data={"csrf_token": token}).status_code == 303
    after = copy_tables()
    expected = expected_changes(differences(before, after), before, after)
    assert {(event.record_type, event.record_id): event.changes for event in events_since(last)} == expected


IMPORTED = """
[trial]
code = "IMPORTED"
title = "Imported"
design = "observational"

[[arm]]
code = "A"
title = "Arm A"
type = "experimental"
regimen = ["Nivolumab", "Ipilimumab"]

[participant]
code = "id"
arm = "arm"
tumor_location = { constant = "LUNG" }
first_dose_on = "dose"

[administration]
participant = "id"
component = { constant = "Nivolumab" }
cycle = { constant = "1" }
given_on = "dose"
dose = { constant = "240" }
unit = { constant = "mg" }

[outcome]
best_overall_response = "response"

[[measurement]]
assay = "TMB"
value = "tmb"
biomarker = "Tumor mutational burden"
kind = "mutational burden"
scale = "continuous"
"""

COMMANDS = [
    ("user", "add", "newcomer", "--role", "monitor", "--password-stdin"),
    ("user", "role", "known", "researcher"),
    ("user", "assign", "known", "ONE"),
    ("user", "disable", "known"),
    ("import", "values.csv", "--mapping", "map.toml"),
    ("import", "values.csv", "--mapping", "map.toml", "--update", "--reason", WHY),
]


def test_every_difference_that_a_command_or_an_import_makes_is_in_the_trail(app, tmp_path, monkeypatch):
    """The commands are run on this application and its database."""
    make_trial(code="ONE"), make_user(name="known")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "_opened", lambda: contextlib.nullcontext(app))
    (tmp_path / "map.toml").write_text(IMPORTED)
    rows = "P-1,A,2024-01-02,{},3\nP-2,A,2024-01-09,SD,12\n"
    for words, response in zip(COMMANDS, ["", "", "", "", "PR", "CR"], strict=True):
        (tmp_path / "values.csv").write_text("id,arm,dose,response,tmb\n" + rows.format(response))
        before, last = copy_tables(), last_event()
        done = CliRunner().invoke(cli.cli, words, input="quinze ou plus lettres\n")
        assert done.exit_code == 0, done.output
        after = copy_tables()
        expected = expected_changes(differences(before, after), before, after)
        assert expected, words
        assert {
            (event.record_type, event.record_id): event.changes for event in events_since(last)
        } == expected
        assert {event.role for event in events_since(last)} == {"owner"}


def test_buttons_are_in_the_trail_too(stored, sign_in):
    browser = sign_in(Role.ADMIN)
    token = browser.get("/account").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    last = last_event()
    for action in ("disable", "enable"):
        assert browser.post(f"/users/{stored.user}/{action}", data={"csrf_token": token}).status_code == 303
    shut, opened = events_since(last)
    assert shut.changes.keys() == opened.changes.keys() == {"disabled_at"}
    assert shut.changes["disabled_at"] == opened.changes["disabled_at"][::-1]


def test_a_member_who_is_put_back_is_restored(app):
    member = make_trial_member(user=make_user(), trial=make_trial())
    for value, action in ((clock.now(), Action.WITHDRAW), (None, Action.RESTORE)):
        last = last_event()
        member.withdrawn_at = value
        with because("for the test"):
            db.session.commit()
        assert [event.action for event in events_since(last)] == [action]


# One event a record


def test_a_change_has_who_when_what_and_why(app):
    user = make_user(role=Role.PHYSICIAN)
    participant = make_participant(ecog=1)
    make_trial_member(user=user, trial=participant.trial)
    last, began = last_event(), clock.now()
    with scope.reading_as(user, request_id="f00d"), because("ECOG was read again."):
        participant.ecog, participant.sex = 2, Sex.UNKNOWN
        db.session.commit()
    (event,) = events_since(last)
    assert (event.record_type, event.record_id) == ("participant", participant.id)
    assert event.trial_id == participant.trial_id
    assert event.action is Action.CHANGE
    assert event.changes == {"ecog": [1, 2], "sex": ["female", "unknown"]}
    assert event.reason == "ECOG was read again."
    assert (event.user_id, event.actor, event.role) == (user.id, user.display_name, "physician")
    assert event.request_id == "f00d"
    assert began <= event.at <= clock.now()


def test_several_changes_in_one_transaction_are_one_event_from_first_to_last(app):
    participant = make_participant(ecog=1, diagnosis="LUAD")
    last = last_event()
    with because("for the test"):
        for ecog in (2, 3, 4):
            participant.ecog = ecog
            db.session.flush()
        participant.diagnosis = None
        db.session.flush()
        participant.diagnosis = "LUAD"
        db.session.commit()
    (event,) = events_since(last)
    assert event.changes == {"ecog": [1, 4]}


def test_a_change_that_comes_to_nothing_leaves_no_event(app):
    participant = make_participant(ecog=1)
    last, versions = last_event(), data_versions()
    with because("for the test"):
        for ecog in (2, 1):
            participant.ecog = ecog
            db.session.flush()
        db.session.commit()
    assert events_since(last) == []
    assert data_versions() == versions


def test_old_values_survive_what_the_session_forgets(app):
    """After a commit the session no longer holds the old value, until somebody asks."""
    participant = make_participant(ecog=1)
    last = last_event()
    participant.ecog = 2
    with because("for the test"):
        db.session.commit()
    participant.ecog = 3
    with because("for the test"):
        db.session.commit()
    assert [event.changes for event in events_since(last)] == [{"ecog": [1, 2]}, {"ecog": [2, 3]}]


def test_a_secret_is_told_only_as_that_it_changed(app):
    user = make_user()
    user.set_password(PASSWORD)
    db.session.commit()
    store_rows(
        User,
        [{"name": "x", "display_name": "X", "role": Role.MONITOR, "password_hash": "$argon2id$secret"}],
    )
    db.session.commit()
    events = db.session.scalars(sa.select(AuditEvent).where(AuditEvent.record_type == "user")).all()
    assert [event.changes["password_hash"] for event in events] == [
        [None, "***"],
        ["***", "***"],
        [None, "***"],
    ]


# Reasons


def test_a_stored_value_is_not_changed_without_a_reason(app):
    participant = make_participant(ecog=1)
    before = copy_tables()
    participant.ecog = 2
    with pytest.raises(Refusal) as refused:
        db.session.commit()
    assert refused.value.field == "reason"
    assert differences(before, copy_tables()) == {}


def test_a_record_is_not_withdrawn_without_a_reason(app):
    agent = make_agent()
    before = copy_tables()
    agent.withdrawn_at = clock.now()
    with pytest.raises(Refusal):
        db.session.commit()
    assert differences(before, copy_tables()) == {}


def test_an_empty_field_is_filled_without_a_reason(app):
    participant = make_participant(ecog=None)
    last = last_event()
    participant.ecog = 1
    db.session.commit()
    assert [event.changes for event in events_since(last)] == [{"ecog": [None, 1]}]


def test_a_form_asks_for_the_reason_and_stores_nothing_without_it(stored, sign_in):
    browser = sign_in(Role.PHYSICIAN, [db.session.get(Trial, stored.trial)])
    before = copy_tables()
    for reason in ("", "   "):
        answer = browser.submit(f"/participants/{stored.participant}/edit", ecog="3", reason=reason)
        assert answer.status_code == 422
        assert "give the reason for the change" in answer.text
    assert differences(before, copy_tables()) == {}


def test_a_reason_within_another_reason_gives_way_again(app):
    first, second = make_participant(ecog=1), make_participant(ecog=1)
    last = last_event()
    with because("the outer one"):
        with because("the inner one"):
            first.ecog = 2
            db.session.commit()
        second.ecog = 2
        db.session.commit()
    assert [event.reason for event in events_since(last)] == ["the inner one", "the outer one"]


# Versions of a trial's data


def test_a_change_moves_the_data_version_of_its_trial_alone(app):
    participant, other, agent = make_participant(), make_participant(), make_agent()
    for change, trials in (
        (lambda: setattr(participant, "ecog", 2), {participant.trial_id}),
        (lambda: setattr(agent, "target", "PD-1"), {None}),
        (
            lambda: (setattr(participant, "ecog", 3), setattr(other, "ecog", 3)),
            {participant.trial_id, other.trial_id},
        ),
    ):
        before = data_versions()
        with because("for the test"):
            change()
            db.session.commit()
        after = data_versions()
        assert {trial for trial in after if after[trial] != before.get(trial)} == trials
        assert all(after[trial] == before[trial] + 1 for trial in trials)


# Parts


def test_a_parts_change_is_its_owners(app):
    regimen = make_regimen(agents=[make_agent(), make_agent()])
    first, second = regimen.components
    for change, expected in (
        (lambda: setattr(first, "dose", 200.0), {f"components.{first.id}.dose": [None, 200.0]}),
        (lambda: regimen.components.remove(second), {
            f"components.{second.id}.agent_id": [second.agent_id, None],
            f"components.{second.id}.role": ["added", None],
            f"components.{second.id}.position": [1, None],
        }),
    ):  # fmt: skip
        last, version = last_event(), regimen.version
        change()
        with because("for the test"):
            db.session.commit()
        (event,) = events_since(last)
        assert (event.record_type, event.record_id) == ("regimen", regimen.id)
        assert event.changes == expected
        assert db.session.get(Regimen, regimen.id).version == version + 1


def test_a_new_part_is_a_change_of_its_owner(app):
    regimen, agent = make_regimen(), make_agent()
    last = last_event()
    regimen.components.append(RegimenComponent(agent=agent, role="added"))
    db.session.commit()
    (event,) = events_since(last)
    component = db.session.get(Regimen, regimen.id).components[1]
    assert event.action is Action.CHANGE
    assert event.changes == {
        f"components.{component.id}.agent_id": [None, agent.id],
        f"components.{component.id}.role": [None, "added"],
        f"components.{component.id}.position": [None, 1],
    }


def test_a_row_that_is_removed_on_a_form_is_in_the_trail(stored, sign_in):
    browser = sign_in(Role.PHYSICIAN)
    address = f"/regimens/{stored.regimen}/edit"
    typed = form_values(browser.get(address).text)
    rest = {name: text for name, text in typed.items() if not name.startswith("components-1-")}
    before, last = copy_tables(), last_event()
    assert browser.post(address, data={**rest, "reason": WHY}).status_code == 303
    after = copy_tables()
    expected = expected_changes(differences(before, after), before, after)
    assert {(event.record_type, event.record_id): event.changes for event in events_since(last)} == expected
    assert {name.split(".")[-1] for name in expected["regimen", stored.regimen]} == {
        "agent_id",
        "role",
        "position",
    }


def test_a_part_that_is_deleted_outright_is_told_with_what_it_held(app):
    regimen = make_regimen(agents=[make_agent(), make_agent()])
    second = regimen.components[1]
    key, agent = second.id, second.agent_id
    last = last_event()
    db.session.delete(second)
    with because("for the test"):
        db.session.commit()
    (event,) = events_since(last)
    assert event.record_type == "regimen"
    assert event.changes[f"components.{key}.agent_id"] == [agent, None]


def test_a_parts_change_needs_the_owners_reason(app):
    regimen = make_regimen()
    regimen.components[0].role = "sequential"
    with pytest.raises(Refusal):
        db.session.commit()


# Refusals leave nothing


def test_what_the_database_refuses_leaves_neither_record_nor_trail(app):
    trial = make_trial(code="TAKEN")
    before = copy_tables()
    db.session.add_all([Participant(trial=trial, code="P-1", tumor_location="LUNG"), Trial(code="TAKEN")])
    with pytest.raises(sa.exc.IntegrityError):
        db.session.commit()
    assert differences(before, copy_tables()) == {}


def test_nothing_changes_without_somebody_who_changes_it(app):
    participant = make_participant(ecog=None)
    before = copy_tables()
    token = scope._reader.set(None)
    try:
        participant.ecog = 2
        for _again in range(2):
            with pytest.raises(RuntimeError, match="who is reading"):
                db.session.commit()
        with pytest.raises(RuntimeError, match="who is reading"):
            store_rows(Trial, [{"code": "x", "title": "x"}])
    finally:
        scope._reader.reset(token)
    assert differences(before, copy_tables()) == {}


def test_records_are_not_deleted(app):
    db.session.delete(make_agent())
    with pytest.raises(RuntimeError, match="withdrawn, never deleted"):
        db.session.commit()


def test_the_trail_itself_is_not_changed(app):
    make_agent()
    event = db.session.scalar(sa.select(AuditEvent))
    event.actor = "somebody else"
    with pytest.raises(RuntimeError, match="trail"):
        db.session.commit()
    db.session.rollback()
    db.session.delete(event)
    with pytest.raises(RuntimeError, match="trail"):
        db.session.commit()


@pytest.mark.parametrize(
    "statement",
    [
        lambda: sa.update(Participant).values(ecog=0),
        lambda: sa.update(Participant.__table__).values(ecog=0),
        lambda: sa.delete(Participant),
        lambda: sa.delete(RegimenComponent),
        lambda: sa.insert(Trial).values(code="X"),
        lambda: sa.insert(Trial.__table__).values(code="X"),
        lambda: sa.update(AuditEvent).values(actor="nobody"),
        lambda: sa.delete(AuditEvent),
        lambda: sa.delete(AuditEvent.__table__),
    ],
)
def test_changes_past_the_session_are_refused(app, statement):
    make_participant()
    with pytest.raises(RuntimeError, match="so that the trail sees it"):
        db.session.execute(statement())


# Many at once


def test_rows_that_are_stored_at_once_are_told_one_by_one(app):
    trial, other = make_trial(), make_trial()
    last, versions = last_event(), data_versions()
    rows = [
        {"trial_id": trial.id, "code": "P-1", "tumor_location": "LUNG", "undated": False, "ecog": None,
         "sex": Sex.MALE, "enrolled_on": datetime.date(2024, 2, 29)},
        {"trial_id": other.id, "code": "P-2", "tumor_location": "SKIN", "undated": True, "ecog": 1,
         "sex": None, "enrolled_on": None},
    ]  # fmt: skip
    with because("as in the file"):
        ids = store_rows(Participant, rows)
        db.session.commit()
    events = events_since(last)
    assert [db.session.get(Participant, number).code for number in ids] == ["P-1", "P-2"]
    assert [
        (event.record_type, event.record_id, event.trial_id, event.action, event.reason) for event in events
    ] == [
        ("participant", ids[0], trial.id, Action.CREATE, "as in the file"),
        ("participant", ids[1], other.id, Action.CREATE, "as in the file"),
    ]
    assert [event.changes for event in events] == [
        {"trial_id": [None, trial.id], "code": [None, "P-1"], "tumor_location": [None, "LUNG"],
         "undated": [None, False], "imported": [None, False], "sex": [None, "male"],
         "enrolled_on": [None, "2024-02-29"]},
        {"trial_id": [None, other.id], "code": [None, "P-2"], "tumor_location": [None, "SKIN"],
         "undated": [None, True], "imported": [None, False], "ecog": [None, 1]},
    ]  # fmt: skip
    moved = {trial: version for trial, version in data_versions().items() if version != versions.get(trial)}
    assert moved == {trial.id: versions[trial.id] + 1, other.id: versions[other.id] + 1}


def test_rows_and_records_are_told_alike(app):
    values = {"name": "A", "target": None, "mechanism_class": "PD-1 inhibitor", "modality": "antibody"}
    last = last_event()
    with because("for the test"):
        store_rows(Agent, [values])
        db.session.commit()
    make_agent(**{**values, "name": "B"})
    by_rows, by_record = events_since(last)
    assert by_rows.changes == {**by_record.changes, "name": [None, "A"]}
    assert by_rows.trial_id == by_record.trial_id
    assert db.session.scalars(sa.select(Agent.version)).all() == [1, 1]


def test_rows_with_parts_and_records_with_parts_are_told_alike(app):
    participant = make_participant()
    lesions = [make_lesion(participant=participant, label=label) for label in ("T1", "T2")]
    found = [
        {"lesion_id": lesions[0].id, "diameter_mm": 21.5, "state": None},
        {"lesion_id": lesions[1].id, "diameter_mm": None, "state": LesionState.NOT_EVALUABLE},
    ]
    days = [datetime.date(2024, 1, 9), datetime.date(2024, 3, 5), datetime.date(2024, 4, 30)]
    rows = [
        {"participant_id": participant.id, "assessed_on": day, "modality": Modality.CT} for day in days[:2]
    ]
    last = last_event()
    store_rows(TumorAssessment, rows, {LesionMeasurement: [found, found[1:]]})
    db.session.add(
        TumorAssessment(
            participant=participant,
            assessed_on=days[2],
            modality=Modality.CT,
            measurements=[LesionMeasurement(**one) for one in found],
        )
    )
    db.session.commit()
    first, second, by_record = (_told_of_parts(event) for event in events_since(last))
    assert first == by_record
    assert second == {
        ("measurements", "lesion_id"): [lesions[1].id],
        ("measurements", "position"): [0],
        ("measurements", "state"): ["not evaluable"],
    }
    stored = db.session.scalars(sa.select(TumorAssessment).order_by(TumorAssessment.assessed_on)).all()
    assert [[str(one) for one in visit.measurements] for visit in stored] == [
        ["T1: 21.5 mm", "T2: Not evaluable"],
        ["T2: Not evaluable"],
        ["T1: 21.5 mm", "T2: Not evaluable"],
    ]


def _told_of_parts(event):
    """New values by list and field, whatever the numbers of the parts."""
    told = defaultdict(list)
    for name, (old, new) in event.changes.items():
        if "." in name:
            assert old is None
            list_name, _number, field = name.split(".")
            told[list_name, field].append(new)
    return told


def test_rows_that_break_a_rule_are_stored_not_at_all(app):
    before = copy_tables()
    row = {"name": "twice", "mechanism_class": "PD-1 inhibitor", "modality": "antibody"}
    with pytest.raises(sa.exc.IntegrityError):
        store_rows(Agent, [row, row])
    assert differences(before, copy_tables()) == {}


def test_rows_are_found_by_the_search_as_records_are(app):
    values = {"mechanism_class": "PD-1 inhibitor", "modality": "antibody", "developer": "Évian"}
    store_rows(Agent, [{**values, "name": "Élan"}])
    db.session.commit()
    assert db.session.scalar(sa.select(Agent.search_text)) == make_agent(**values, name="élan").search_text


def test_a_text_too_long_for_its_column_is_refused_not_cut_off(app):
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite keeps texts of any length")
    before = copy_tables()
    row = {"name": "x" * 201, "mechanism_class": "PD-1 inhibitor", "modality": "antibody"}
    with pytest.raises(sa.exc.DataError):
        store_rows(Agent, [row])
    assert differences(before, copy_tables()) == {}


def test_rows_that_have_different_columns_are_stored_together(app):
    values = {"mechanism_class": "PD-1 inhibitor", "modality": "antibody"}
    store_rows(Agent, [{**values, "name": "A", "target": "PD-1"}, {**values, "name": "B", "developer": "Y"}])
    db.session.commit()
    stored = db.session.execute(sa.select(Agent.name, Agent.target, Agent.developer).order_by(Agent.id)).all()
    assert [tuple(row) for row in stored] == [("A", "PD-1", None), ("B", None, "Y")]
    assert store_rows(Agent, []) == []


def test_one_who_has_stored_rows_reads_them_at_once(app):
    trial = make_trial()
    as_of = clock.today()
    assert len(in_scope(participants_frame, as_of)) == 0
    store_rows(Participant, [{"trial_id": trial.id, "code": "P-1", "tumor_location": "LUNG"}])
    assert len(in_scope(participants_frame, as_of)) == 1
