"""Folders of CDISC SDTM: lesions, assessments, participants, doses and adverse events of a trial.

Lesions are those of TU, what was found of them is in TR. A response in RS is not stored: it is compared with the one
that follows. (CDISC SDTM Implementation Guide 3.4; the oncology domains TU, TR and RS.)
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import sqlalchemy as sa
from flask_babel import gettext as _

from tracker.exchange.domains import (
    OPTIONS,
    as_text,
    columns_of,
    dated,
    find_domains,
    of_evaluator,
    read_domain,
    with_whole_dates,
)
from tracker.exchange.faults import Faults
from tracker.exchange.fields import Origin
from tracker.exchange.importing import Import, file_content, import_records
from tracker.exchange.reading import Reading, sections_of, take
from tracker.exchange.regimens import SEPARATOR
from tracker.exchange.sections import (
    ADMINISTRATION,
    ADVERSE_EVENT,
    PARTICIPANT,
)
from tracker.exchange.tumors import compare_responses, lesions_of
from tracker.extensions import db
from tracker.models import Arm, Participant, Trial
from tracker.terms.treatment import SeriousnessCriterion
from tracker.terms.trial import ArmType, Design, ResponseCriteria
from tracker.values import Refusal, fold, read_code

#: Arms that are none.
_NO_ARM = {"SCRNFAIL", "NOTASSGN", "NOTTRT", "SCREEN FAILURE", "NOT ASSIGNED", "NOT TREATED"}

#: The severity of an event that has no toxicity grade.
_SEVERITY = {"MILD": "1", "MODERATE": "2", "SEVERE": "3", "LIFE THREATENING": "4", "FATAL": "5", "*": ""}

_RELATED = {
    "Y": "yes", "YES": "yes", "RELATED": "yes", "POSSIBLE": "yes", "POSSIBLY RELATED": "yes", "PROBABLE": "yes",
    "PROBABLY RELATED": "yes", "DEFINITE": "yes", "N": "no", "NO": "no", "NONE": "no", "NOT RELATED": "no",
    "UNRELATED": "no", "REMOTE": "no", "UNLIKELY": "no", "UNLIKELY RELATED": "no", "*": "",
}  # fmt: skip

_CRITERIA = {
    "AESDTH": SeriousnessCriterion.DEATH, "AESLIFE": SeriousnessCriterion.LIFE_THREATENING,
    "AESHOSP": SeriousnessCriterion.HOSPITALISATION, "AESDISAB": SeriousnessCriterion.DISABILITY,
    "AESCONG": SeriousnessCriterion.CONGENITAL, "AESMIE": SeriousnessCriterion.IMPORTANT,
}  # fmt: skip


def import_sdtm(
    folder: Path | str,
    trial_code: str,
    evaluator: str = "INVESTIGATOR",
    progress: Callable[[int, int, str], None] | None = None,
    **options,
) -> Import:
    """Import a folder of SDTM domains into a trial, which is created where there is none of the code; and commit.

    evaluator: whose lesions, findings and responses. options: those of `import_records`. What RS has otherwise than
    it follows from what is stored is among the warnings. Raises Refusal.
    """
    files = find_domains(Path(folder))
    code = read_code(trial_code)
    if code is None:
        raise Refusal(_("Give the code of the trial."))
    tables: dict[str, pd.DataFrame] = {}

    def read_folder():
        faults, warnings = Faults(), Faults()
        for domain, path in files.items():
            table = read_domain(domain, path.name, file_content(path), faults)
            if domain in ("TU", "TR", "RS"):
                table = of_evaluator(table, domain, evaluator)
            tables[domain] = with_whole_dates(table, warnings)
        return _reading(Path(folder).name, code, tables, faults, warnings)

    def look(found: Reading, trial_id: int):
        if "RS" in tables:
            compare_responses(tables["RS"], trial_id, found.warnings)

    return import_records(read_folder, progress=progress, look=look, **options)


def _reading(name, code, tables, faults, warnings) -> Reading:
    parts = [
        *_participants(code, tables, warnings),
        *([] if "EX" not in tables else [_doses(tables["EX"])]),
        *([] if "AE" not in tables else [_events(tables["AE"])]),
        *([] if "TU" not in tables else lesions_of(tables["TU"], tables["TR"])),
    ]
    given = {"trial": _trial(code, tables)}
    if (arms := _arms(code, tables)) is not None:
        given["arm"] = arms
    sections = sections_of([section for section, _origins, _table in parts])
    rows = sum(len(table) for table in tables.values())
    reading = Reading(name, sections, given, {}, faults, warnings, rows)
    for section, origins, table in parts:
        take(reading, section, origins, table, OPTIONS)
    return reading


# The trial, its arms and its participants


def _trial(code, tables) -> pd.DataFrame:
    if _stored_trial(code) is not None:
        return pd.DataFrame({"code": pd.Series([code], dtype="str")})
    studies = pd.concat([table.get(f"{domain}.STUDYID", pd.Series()) for domain, table in tables.items()])
    study = next(iter(studies.dropna().unique()), code)
    values = {
        "code": code,
        "title": study,
        "design": Design.OBSERVATIONAL.value,
        "response_criteria": ResponseCriteria.RECIST_1_1.value,
    }
    return pd.DataFrame({name: pd.Series([value], dtype="str") for name, value in values.items()})


def _stored_trial(code) -> int | None:
    chosen = sa.select(Trial.id).where(Trial.code == code)
    return db.session.scalar(chosen.execution_options(include_withdrawn=True))


def _arm_codes(table) -> pd.Series | None:
    codes = next(
        (table[name] for name in ("DM.ACTARMCD", "DM.ARMCD", "DM.ACTARM", "DM.ARM") if name in table), None
    )
    return None if codes is None else codes.where(~codes.str.upper().isin(_NO_ARM), None)


def _arms(code, tables) -> pd.DataFrame | None:
    """The arms of DM that the trial lacks, each with what EX says that its participants were given."""
    if "DM" not in tables or "EX" not in tables or (codes := _arm_codes(tables["DM"])) is None:
        return None
    stored = set(db.session.scalars(sa.select(Arm.code).where(Arm.trial_id == _stored_trial(code))))
    doses = tables["EX"]
    given = pd.DataFrame(
        {
            "arm": doses["EX.USUBJID"].map(dict(zip(tables["DM"]["DM.USUBJID"], codes))),
            "agent": doses["EX.EXTRT"].map(
                lambda agent: " ".join(agent.split()).capitalize(), na_action="ignore"
            ),
        }
    )
    given = given.dropna().drop_duplicates()
    given = given[~given["arm"].isin(stored)]
    if given.empty:
        return None
    names = given.groupby("arm", sort=True)["agent"].agg(lambda agents: SEPARATOR.join(sorted(agents)))
    is_placebo = names.map(fold) == "placebo"
    return pd.DataFrame(
        {
            "code": pd.Series(names.index, dtype="str"),
            "title": pd.Series(names.index, dtype="str"),
            "type": is_placebo.map({True: ArmType.PLACEBO.value, False: ArmType.OTHER.value}).array,
            "regimen": names.array,
        }
    ).astype("str")


def _participants(code, tables, warnings):
    """Those of DM, else all subjects. Who has neither a first dose nor an enrolment is enrolled on the day of the
    first assessment, which is the baseline."""
    section = replace(PARTICIPANT, required=(), defaults=PARTICIPANT.defaults | {"tumor_location": "OTHER"})
    if "DM" in tables:
        table = tables["DM"].copy()
    else:
        subjects = [table[f"{domain}.USUBJID"] for domain, table in tables.items()]
        table = pd.DataFrame({"DM.USUBJID": pd.concat(subjects).dropna().drop_duplicates()})
    origins = columns_of(
        table,
        code="DM.USUBJID",
        sex="DM.SEX",
        age_at_enrolment="DM.AGE",
        consented_on="DM.RFICDTC",
        first_dose_on="DM.RFXSTDTC DM.RFSTDTC",
        last_dose_on="DM.RFXENDTC",
        died_on="DM.DTHDTC",
    )
    if (arms := _arm_codes(table)) is not None and "EX" in tables:
        table["DM.ARMCD"] = arms
        origins["arm"] = Origin(column="DM.ARMCD")
    codes = table["DM.USUBJID"]
    if "DS" in tables:
        _take_disposition(tables["DS"], codes, table, origins)
    for domain, date, field, first in (
        ("EX", "EXSTDTC", "first_dose_on", True),
        ("EX", "EXENDTC", "last_dose_on", False),
    ):
        _take_day(tables, domain, date, first, codes, table, origins, field)
    firsts = _first_day(tables.get("TR"), "TR", "TRDTC")
    if firsts is not None:
        dosed = table.get(origins["first_dose_on"].column) if "first_dose_on" in origins else None
        is_open = ~codes.isin(_known_to_begin(code))
        is_open &= True if dosed is None else dosed.isna()
        table["TR.TRDTC"] = as_text(codes.map(firsts).where(is_open))
        origins["enrolled_on"] = Origin(column="TR.TRDTC")
        if table["TR.TRDTC"].notna().any():
            warnings.add(
                _(
                    "Neither DM nor EX tells the first dose of some participants: they count as enrolled on the day of"
                    " their first assessment, which so is the baseline."
                )
            )
    known = set(
        db.session.scalars(sa.select(Participant.code).where(Participant.trial_id == _stored_trial(code)))
    )
    if not set(codes.dropna()) <= known:
        warnings.add(
            _(
                "SDTM does not tell the tumor location: that of new participants is “Other” until it is entered."
            )
        )
    return [(section, origins, table)]


def _take_disposition(dispositions, codes, table, origins):
    if "DS.DSSTDTC" not in dispositions:
        return
    is_death = dispositions["DS.DSDECOD"].str.upper().eq("DEATH")
    deaths = dispositions[is_death].dropna(subset="DS.DSSTDTC")
    deaths = deaths.drop_duplicates("DS.USUBJID").set_index("DS.USUBJID")["DS.DSSTDTC"]
    if len(deaths):
        died = (
            table[origins["died_on"].column]
            if "died_on" in origins
            else pd.Series(None, table.index, dtype=object)
        )
        table["DS.DSSTDTC"] = died.where(died.notna(), codes.map(deaths)).pipe(as_text)
        origins["died_on"] = Origin(column="DS.DSSTDTC")


def _take_day(tables, domain, date, first, codes, table, origins, field):
    """The first or last day of a domain, where DM has none."""
    if field in origins or (days := _first_day(tables.get(domain), domain, date, first)) is None:
        return
    column = f"{domain}.{date}"
    table[column] = as_text(codes.map(days))
    origins[field] = Origin(column=column)


def _first_day(table, domain, date, first=True) -> pd.Series | None:
    """The first day of each subject, or the last; None where the domain has no dates."""
    column = f"{domain}.{date}"
    if table is None or column not in table or table[column].isna().all():
        return None
    days = table.dropna(subset=column)
    days = days.sort_values(column, kind="stable", ascending=first).drop_duplicates(f"{domain}.USUBJID")
    return days.set_index(f"{domain}.USUBJID")[column]


def _known_to_begin(code) -> list[str]:
    """Stored participants whose first dose or enrolment is known."""
    begun = sa.or_(Participant.first_dose_on.is_not(None), Participant.enrolled_on.is_not(None))
    return list(
        db.session.scalars(
            sa.select(Participant.code).where(Participant.trial_id == _stored_trial(code), begun)
        )
    )


# Doses and adverse events


def _doses(table):
    """Each row of EX; a cycle is the number of the day among those on which a subject began a dose of the agent."""
    table = table.copy()
    day = next(
        (name for name in ("EX.EXSTDTC", "EX.EXSTDY") if name in table and table[name].notna().any()), None
    )
    if day is not None:
        by_subject = table.groupby(["EX.USUBJID", "EX.EXTRT"])[day]
        ranks = by_subject.rank(method="dense") if day == "EX.EXSTDTC" else by_subject.transform(_ranks)
        table["EX.EXSEQ"] = ranks.map("{:.0f}".format, na_action="ignore").astype(object)
    origins = columns_of(
        table,
        participant="EX.USUBJID",
        component="EX.EXTRT",
        cycle="EX.EXSEQ",
        dose="EX.EXDOSE",
        unit="EX.EXDOSU",
        reason="EX.EXADJ",
    )
    return dated(ADMINISTRATION, table, "EX", origins, given_on="EXST")


def _ranks(days):
    return pd.to_numeric(days, errors="coerce").rank(method="dense")


def _events(table):
    table = table.copy()
    origins = columns_of(
        table,
        participant="AE.USUBJID",
        term="AE.AETERM",
        soc="AE.AEBODSYS AE.AESOC",
        grade="AE.AETOXGR AE.AESEV",
        serious="AE.AESER",
        related="AE.AEREL",
        action_taken="AE.AEACN",
        outcome="AE.AEOUT",
        dlt="AE.AEDLT",
    )
    for field, values in (("related", _RELATED), ("grade", _SEVERITY)):
        if field in origins and origins[field].column != "AE.AETOXGR":
            table[origins[field].column] = table[origins[field].column].str.upper().astype(object)
            origins[field] = replace(origins[field], values=values)
    if "soc" in origins:
        known = ADVERSE_EVENT.fields["soc"].read(table[origins["soc"].column], Origin(), ".")[1]
        table.loc[known.index, origins["soc"].column] = None  # MedDRA has classes that CTCAE has not
    flags = [name for name in _CRITERIA if f"AE.{name}" in table]
    if flags:
        table["AE.AESER criterion"] = None
        for name in reversed(flags):
            is_so = table[f"AE.{name}"].eq("Y")
            table.loc[is_so, "AE.AESER criterion"] = _CRITERIA[name].value
        origins["serious_criterion"] = Origin(column="AE.AESER criterion")
    return dated(ADVERSE_EVENT, table, "AE", origins, started_on="AEST", ended_on="AEEN")
