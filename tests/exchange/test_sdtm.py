"""What an import of SDTM folders stores, refuses and compares."""

import datetime
import shutil

import pandas as pd
import pytest
import sqlalchemy as sa

from tests import factories
from tracker.exchange.domains import find_domains
from tracker.exchange.importing import import_file
from tracker.exchange.sdtm import import_sdtm
from tracker.extensions import db
from tracker.models import (
    Administration,
    AdverseEvent,
    AuditEvent,
    Lesion,
    LesionMeasurement,
    Participant,
    Trial,
    TumorAssessment,
)
from tracker.reads.participant import participants_frame
from tracker.reads.response import derive, responses_frame
from tracker.values import Refusal

MAPPINGS = "mappings"

TU = "USUBJID,TULNKID,TULOC,TUORRES,TUMETHOD,TUEVAL,VISITNUM\n"
TR = "USUBJID,TRLNKID,TRTESTCD,TRORRES,TRSTRESC,TRSTRESN,TRSTRESU,TREVAL,TRDTC\n"
RS = "USUBJID,RSTESTCD,RSSTRESC,RSEVAL,RSDTC\n"

TUMORS = TU + (
    "S1,T01,LIVER,TARGET,CT SCAN,INVESTIGATOR,1\nS1,T02,LYMPH NODE,TARGET,CT SCAN,INVESTIGATOR,1\n"
    "S1,NT01,LUNG,NON-TARGET,CT SCAN,INVESTIGATOR,1\nS1,T01,BONE,TARGET,CT SCAN,RADIOLOGIST,1\n"
)

RESULTS = TR + (
    "S1,T01,LDIAM,50,50,50.0,mm,INVESTIGATOR,2024-01-10\nS1,T01,LPERP,40,40,40.0,mm,INVESTIGATOR,2024-01-10\n"
    "S1,T02,LDIAM,30,30,30.0,mm,INVESTIGATOR,2024-01-10\nS1,T02,LPERP,20,20,20.0,mm,INVESTIGATOR,2024-01-10\n"
    "S1,NT01,TUMSTATE,PRESENT,PRESENT,,,INVESTIGATOR,2024-01-10\n"
    "S1,T01,LDIAM,2,2,2.0,cm,INVESTIGATOR,2024-03\nS1,T02,LPERP,9,9,9.0,mm,INVESTIGATOR,2024-03\n"
    "S1,NT01,TUMSTATE,PRESENT,PRESENT,,,INVESTIGATOR,2024-03\n"
    "S1,T01,LDIAM,99,99,99.0,mm,RADIOLOGIST,2024-01-10\n"
)


@pytest.fixture
def load(app, tmp_path):
    """load(tu=text, tr=text, …) imports a folder of these files into the trial T, as the command does."""

    def load(evaluator="INVESTIGATOR", options=None, **domains):
        folder = tmp_path / "sdtm"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for domain, text in domains.items():
            (folder / f"{domain}.csv").write_text(text, encoding="utf-8")
        return import_sdtm(folder, "T", evaluator, **(options or {}))

    return load


@pytest.fixture
def pilot(shared):
    return shared / "data" / "real" / "cdisc_onco"


def found():
    chosen = (
        sa.select(
            TumorAssessment.assessed_on, Lesion.label, LesionMeasurement.diameter_mm, LesionMeasurement.state
        )
        .join(LesionMeasurement.assessment)
        .join(LesionMeasurement.lesion)
        .order_by(TumorAssessment.assessed_on, LesionMeasurement.position)
    )
    return [(str(day), label, diameter, state) for day, label, diameter, state in db.session.execute(chosen)]


def faults(done):
    assert not done.is_stored
    return [(row, column) for row, column in zip(done.faults["row"], done.faults["column"])]


def told(done):
    return list(zip(done.warnings["row"], done.warnings["column"], done.warnings["message"]))


# What is created


def test_nodes_are_measured_by_the_short_axis_other_lesions_by_the_longest_diameter(load):
    load(tu=TUMORS, tr=RESULTS)
    assert found() == [
        ("2024-01-10", "T01", 50, None),
        ("2024-01-10", "T02", 20, None),
        ("2024-01-10", "NT01", None, "present"),
        ("2024-03-31", "T01", 20, None),
        ("2024-03-31", "T02", 9, None),
        ("2024-03-31", "NT01", None, "present"),
    ]
    lesions = db.session.scalars(sa.select(Lesion).order_by(Lesion.id)).all()
    assert [(one.label, one.role, one.place, one.organ, one.nodal) for one in lesions] == [
        ("T01", "target", "LIVER", "liver", False),
        ("T02", "target", "LYMPH NODE", "lymph nodes", True),
        ("NT01", "non-target", "LUNG", "lung", False),
    ]
    assert {one.modality for one in db.session.scalars(sa.select(TumorAssessment))} == {"CT"}


def test_a_trial_that_is_not_there_is_created_with_honest_defaults(load):
    load(tu=TUMORS, tr=RESULTS)
    trial = db.session.scalars(sa.select(Trial)).one()
    assert (trial.code, trial.design, trial.status, trial.response_criteria) == (
        "T",
        "observational",
        "COMPLETED",
        "RECIST 1.1",
    )
    one = db.session.scalars(sa.select(Participant)).one()
    assert (one.code, one.tumor_location, one.undated) == ("S1", "OTHER", False)
    assert (one.enrolled_on, one.first_dose_on) == (datetime.date(2024, 1, 10), None)


def test_a_month_without_a_day_becomes_its_last_day_and_is_flagged(load):
    done = load(tu=TUMORS, tr=RESULTS)
    flagged = [(row, column) for row, column, message in told(done) if "2024-03-31" in message]
    assert flagged == [(7, "TR.TRDTC"), (8, "TR.TRDTC"), (9, "TR.TRDTC")]


def test_the_same_folder_twice_adds_nothing(load):
    load(tu=TUMORS, tr=RESULTS)
    events = db.session.scalar(sa.select(sa.func.count(AuditEvent.id)))
    done = load(tu=TUMORS, tr=RESULTS)
    assert {name: (one.new, one.changed) for name, one in done.counts.items() if one.new or one.changed} == {}
    assert db.session.scalar(sa.select(sa.func.count(AuditEvent.id))) == events


def test_another_evaluators_findings_are_chosen_by_role_or_name(load):
    load("radiologist", tu=TUMORS, tr=RESULTS)
    assert found() == [("2024-01-10", "T01", 99, None)]
    with pytest.raises(Refusal, match="INVESTIGATOR, RADIOLOGIST"):
        load("nobody", tu=TUMORS, tr=RESULTS)


def test_study_days_make_undated_participants(load):
    results = RESULTS.replace("TRDTC", "TRDY").replace("2024-01-10", "-7").replace("2024-03", "60")
    load(tu=TUMORS, tr=results)
    assert db.session.scalars(sa.select(Participant)).one().undated
    assert {day for day, *_rest in found()} == {"1999-12-25", "2000-02-29"}


# DM, EX, AE, DS

DM = "STUDYID,USUBJID,SEX,AGE,ARMCD,RFXSTDTC,RFICDTC\nABC,S1,F,61,A,2024-01-15,2024-01-02\nABC,S2,M,55,SCRNFAIL,,\n"
EX = "USUBJID,EXTRT,EXDOSE,EXDOSU,EXSTDTC,EXENDTC\n" + (
    "S1,ATEZOLIZUMAB,1200,mg,2024-01-15,2024-01-15\nS1,ATEZOLIZUMAB,1200,mg,2024-02-05T10:30,2024-02-05\n"
)
AE = "USUBJID,AETERM,AEBODSYS,AETOXGR,AESTDTC,AEENDTC,AESER,AESHOSP,AEREL,AEOUT,AEACN\n" + (
    "S1,RASH,SOCIAL CIRCUMSTANCES,2,2024-01-20,2024-02,N,,RELATED,RECOVERED/RESOLVED,DOSE NOT CHANGED\n"
    "S1,Sepsis,Infections and infestations,4,2024-02-10,,Y,Y,NOT RELATED,FATAL,DRUG WITHDRAWN\n"
)
DS = "USUBJID,DSDECOD,DSSTDTC\nS1,DEATH,2024-05-01\n"


def test_participants_doses_events_and_deaths_come_from_their_domains(load):
    done = load(dm=DM, ex=EX, ae=AE, ds=DS, tu=TUMORS, tr=RESULTS)
    assert done.is_stored
    people = {one.code: one for one in db.session.scalars(sa.select(Participant))}
    one = people["S1"]
    assert (
        one.sex,
        one.age_at_enrolment,
        one.arm.code,
        one.first_dose_on,
        one.last_dose_on,
        one.died_on,
    ) == (
        "female",
        61,
        "A",
        datetime.date(2024, 1, 15),
        datetime.date(2024, 2, 5),
        datetime.date(2024, 5, 1),
    )
    assert (one.enrolled_on, people["S2"].arm) == (None, None)
    doses = db.session.scalars(sa.select(Administration).order_by(Administration.id)).all()
    assert [(dose.cycle, dose.dose, dose.unit, str(dose.component.agent)) for dose in doses] == [
        (1, 1200, "mg", "Atezolizumab"),
        (2, 1200, "mg", "Atezolizumab"),
    ]
    events = db.session.scalars(sa.select(AdverseEvent).order_by(AdverseEvent.id)).all()
    assert [(event.term, event.grade, event.is_related, event.serious_criterion) for event in events] == [
        ("RASH", 2, True, None),
        ("Sepsis", 4, False, "hospitalisation"),
    ]
    assert events[0].ended_on == datetime.date(2024, 2, 29)
    assert db.session.scalars(sa.select(Trial)).one().title == "ABC"


# What is refused


def test_equal_rows_are_one_and_unequal_ones_an_error(load):
    row = "S1,T01,LDIAM,50,50,50.0,mm,INVESTIGATOR,2024-01-10\n"
    assert load(tu=TUMORS, tr=RESULTS + row).is_stored
    done = load(tu=TUMORS, tr=RESULTS + row.replace("50", "51"))
    assert faults(done) == [(11, "TR.TRSTRESN")]
    assert "row 2" in done.faults["message"][0]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("S1,T09,LDIAM,50,50,50.0,mm,INVESTIGATOR,2024-01-10\n", "TR.TRLNKID"),
        ("S1,T01,LDIAM,-5,-5,-5.0,mm,INVESTIGATOR,2024-04-10\n", "TR.TRSTRESN"),
        ("S1,T01,LDIAM,5,5,5.0,mm,INVESTIGATOR,2099-04-10\n", "TR.TRDTC"),
        ("S1,T01,LDIAM,5,5,5.0,mm,INVESTIGATOR,2024\n", "TR.TRDTC"),
        ("S1,T01,LDIAM,5,5,5.0,mm,INVESTIGATOR,2024-13\n", "TR.TRDTC"),
        ("S1,NT01,TUMSTATE,GONE,GONE,,,INVESTIGATOR,2024-04-10\n", "TR.TRSTRESC"),
    ],
)
def test_a_faulty_row_is_told_with_its_domain_and_nothing_is_stored(load, row, column):
    done = load(tu=TUMORS, tr=RESULTS + row)
    assert (11, column) in faults(done)
    assert db.session.scalar(sa.select(sa.func.count(Trial.id))) == 0


def test_the_files_are_found_by_their_names(tmp_path):
    for name in ("TU.csv", "sdtm_tr_onco.csv", "sdtm_rs_onco.csv", "adae.csv", "notes.txt"):
        (tmp_path / name).write_text("USUBJID\n")
    assert {domain: path.name for domain, path in find_domains(tmp_path).items()} == {
        "TU": "TU.csv",
        "TR": "sdtm_tr_onco.csv",
        "RS": "sdtm_rs_onco.csv",
    }
    (tmp_path / "rs_other.csv").write_text("USUBJID\n")
    with pytest.raises(Refusal, match=r"rs_other\.csv, sdtm_rs_onco\.csv"):
        find_domains(tmp_path)
    (tmp_path / "sdtm_rs_onco.csv").unlink()
    (tmp_path / "TU.csv").unlink()
    with pytest.raises(Refusal, match="TR, but not TU"):
        find_domains(tmp_path)
    for path in tmp_path.iterdir():
        path.unlink()
    with pytest.raises(Refusal, match="no SDTM domain"):
        find_domains(tmp_path)


# Responses


def test_a_response_that_does_not_follow_is_told_and_not_stored(load):
    responses = RS + "S1,OVRLRESP,PR,INVESTIGATOR,2024-03\nS1,OVRLRESP,PD,INVESTIGATOR,2024-04-30\n"
    done = load(tu=TUMORS, tr=RESULTS, rs=responses)
    assert [row for row, column, message in told(done) if column == "RS.RSSTRESC"] == [3]
    done = load(tu=TUMORS, tr=RESULTS, rs=RS + "S1,OVRLRESP,SD,INVESTIGATOR,2024-03\n")
    assert [message for _row, column, message in told(done) if column == "RS.RSSTRESC"] == [
        "From the assessments follows PR."
    ]
    assert db.session.scalars(sa.select(TumorAssessment.investigator_response)).all() == [None, None]


def test_responses_of_the_cdisc_oncology_set_are_those_of_its_investigator(app, pilot):
    """pharmaversesdtm 530a5ea819d5 (8 subjects) and its best responses in pharmaverseadam 2c7db61be1bd."""
    factories.make_trial(code="PILOT", minimum_sd_days=28)
    done = import_sdtm(pilot, "PILOT")
    assert done.is_stored
    assert [column for _row, column, _message in told(done) if column == "RS.RSSTRESC"] == []
    people = Participant.trial_id > 0
    today = datetime.date(2026, 1, 1)
    codes = dict(db.session.execute(sa.select(Participant.id, Participant.code)).all())
    after = responses_frame(people, today).query("phase == 'after'")
    derived = sorted(
        zip(after["participant_id"].map(codes), after["assessed_on"], after["response"].str.upper())
    )
    source = pd.read_csv(pilot / "sdtm_rs_onco_recist.csv").query("RSEVAL == 'INVESTIGATOR'")
    source = source.sort_values(["USUBJID", "VISITNUM"])
    assert len(source) == 22
    assert [(code, response) for code, _day, response in derived] == list(
        zip(source["USUBJID"], source["RSSTRESC"])
    )
    best = derive(participants_frame(people, today), people, today).best
    told_by_source = {
        "1015": ("CR", "SD"), "1028": ("PD", "PD"), "1034": ("Non-CR/Non-PD", "Non-CR/Non-PD"),
        "1097": ("NE", "NE"), "1115": ("CR", "SD"), "1118": ("PR", "PR"), "1130": ("SD", "SD"), "1133": ("CR", "SD"),
    }  # fmt: skip
    assert {
        codes[number][-4:]: (row.best_unconfirmed, row.best_confirmed) for number, row in best.iterrows()
    } == told_by_source


def test_a_role_with_several_readers_asks_for_one_by_name(app, pilot):
    with pytest.raises(Refusal, match="RADIOLOGIST 1, RADIOLOGIST 2"):
        import_sdtm(pilot, "PILOT", "INDEPENDENT ASSESSOR")
    assert import_sdtm(pilot, "PILOT", "RADIOLOGIST 1").counts["participant"].new == 8


# ADaM files, by mapping files


def test_adverse_events_of_the_cdisc_pilot_are_treatment_emergent_in_as_many_as_it_says(app, pilot, request):
    mappings = request.path.parent / MAPPINGS
    assert import_file(pilot / "adam_adsl.csv", mappings / "cdisc_adsl.toml").counts["participant"].new == 254
    done = import_file(pilot / "adam_adae.csv", mappings / "cdisc_adae.toml")
    assert done.is_stored
    assert done.counts["adverse_event"].new == 961  # 1,191 rows, 230 of which repeat an event
    rows = db.session.execute(
        sa.select(
            Participant.code, Participant.first_dose_on, Participant.last_dose_on, AdverseEvent.started_on
        ).join(AdverseEvent.participant)
    ).all()
    month = datetime.timedelta(days=30)
    emergent = {
        code
        for code, first, last, started in rows
        if first <= started and (last is None or started <= last + month)
    }
    arms = {one.code: one.arm.code for one in db.session.scalars(sa.select(Participant))}
    counts = {arm: sum(arms[code] == arm for code in emergent) for arm in set(arms.values())}
    assert counts == {"Placebo": 65, "Xanomeline Low Dose": 77, "Xanomeline High Dose": 75}
