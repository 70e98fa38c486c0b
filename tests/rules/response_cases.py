"""Participants, lesions and assessments for tests, written as a table; and the published ones."""

import json
from pathlib import Path

import pandas as pd

SHARED = Path(__file__).parents[2].parent / "shared"
CDISC = SHARED / "data" / "real" / "cdisc_onco"
REFERENCES = SHARED / "REFERENCE_VALUES.json"

DATES = ["first_dose_on", "start_on", "new_therapy_on", "died_on", "last_contact_on"]


def references(prefix):
    """The reference cases whose id begins so, by id; none where the file is not at hand."""
    if not REFERENCES.exists():
        return {}
    cases = json.loads(REFERENCES.read_text(encoding="utf-8"))["cases"]
    return {case["id"]: case for case in cases if case["id"].startswith(prefix)}


def participants(ids=(1,), first_dose_on="2024-01-01", **values):
    """Participants with a trial's usual settings; a value is one for all, or one a participant."""
    columns = {
        "participant_id": list(ids),
        "first_dose_on": first_dose_on,
        "start_on": first_dose_on,
        "new_therapy_on": None,
        "died_on": None,
        "last_contact_on": None,
        "assessment_interval_days": 56,
        "assessment_window_days": 7,
        "minimum_sd_days": 42,
    }
    table = pd.DataFrame(columns | values)
    for name in DATES:
        table[name] = pd.to_datetime(table[name]).astype("datetime64[us]")
    return table


def scans(visits, **lesions):
    """The frames `lesions, assessments, measurements` of participant 1.

    visits: dates. A lesion is named by its label, whose first letters say what it is (T target, TN target node, NT
    non-target, NTN non-target node, N new measured, NN new not measured), and has one finding a visit: a diameter
    in mm, the first letters of a state (P present, A absent, U unequivocal progression, S too small, NE), or None.
    """
    return several({1: (visits, lesions)})


def several(cases):
    """The same frames for several participants, by participant id."""
    rows = {"lesions": [], "assessments": [], "measurements": []}
    for participant, (visits, lesions) in cases.items():
        for visit, date in enumerate(visits):
            rows["assessments"].append((participant * 1000 + visit, participant, date))
        for number, (label, findings) in enumerate(lesions.items()):
            kind = label.rstrip("0123456789")
            lesion = participant * 1000 + number
            rows["lesions"].append((lesion, participant, label, ROLES[kind], kind in ("TN", "NTN")))
            for visit, found in enumerate(findings):
                if found is not None:
                    mm, state = (None, STATES[found]) if isinstance(found, str) else (found, None)
                    rows["measurements"].append((participant * 1000 + visit, lesion, mm, state))
    return frames(**rows)


ROLES = {
    "T": "target",
    "TN": "target",
    "NT": "non-target",
    "NTN": "non-target",
    "N": "new measured",
    "NN": "new not measured",
}
STATES = {
    "P": "present",
    "A": "absent",
    "U": "unequivocal progression",
    "S": "too small to measure",
    "NE": "not evaluable",
}


def frames(lesions, assessments, measurements):
    lesions = pd.DataFrame(lesions, columns=["lesion_id", "participant_id", "label", "role", "nodal"])
    assessments = pd.DataFrame(assessments, columns=["assessment_id", "participant_id", "assessed_on"])
    measurements = pd.DataFrame(measurements, columns=["assessment_id", "lesion_id", "diameter_mm", "state"])
    assessments["assessed_on"] = pd.to_datetime(assessments["assessed_on"]).astype("datetime64[us]")
    lesions["nodal"] = lesions["nodal"].astype(bool)
    measurements["diameter_mm"] = measurements["diameter_mm"].astype(float)
    measurements["state"] = measurements["state"].astype("str")
    return lesions, assessments, measurements


def dated(rows):
    """A frame of responses from rows (participant, date, response as RECIST or CDISC codes it)."""
    frame = pd.DataFrame(rows, columns=["participant_id", "assessed_on", "response"])
    frame["assessed_on"] = pd.to_datetime(frame["assessed_on"]).astype("datetime64[us]")
    frame["response"] = frame["response"].replace("NON-CR/NON-PD", "Non-CR/Non-PD").astype("str")
    return frame.assign(assessment_id=range(len(frame)))


def cdisc_recist():
    """The eight subjects of the CDISC RECIST test data as their investigator read them.

    Returns participants, lesions, assessments, measurements, and the RS overall responses.
    """
    tu, tr, rs = (investigator(f"sdtm_{name.lower()}_onco_recist.csv", name) for name in ("TU", "TR", "RS"))
    doses = pd.read_csv(CDISC / "adam_adsl.csv").set_index("USUBJID")["TRTSDT"]
    subjects = sorted(tu["USUBJID"].unique())
    code = {subject: number for number, subject in enumerate(subjects, start=1)}
    people = participants(code.values(), doses[subjects].to_list(), minimum_sd_days=28)
    tu["lesion_id"] = tu["USUBJID"] + tu["TULNKID"]
    tu["nodal"] = tu["TULOC"] == "LYMPH NODE"
    nodal = tu.set_index("lesion_id")["nodal"]
    tr["lesion_id"] = tr["USUBJID"] + tr["TRLNKID"]
    tr["assessment_id"] = tr["USUBJID"] + tr["TRDTC"]
    measures = tr["lesion_id"].map(nodal).map({True: "LPERP", False: "LDIAM"})
    tr = tr[(tr["TRTESTCD"] == "TUMSTATE") | (tr["TRTESTCD"] == measures)]
    tr = tr.drop_duplicates(["assessment_id", "lesion_id"])
    visits = tr.drop_duplicates("assessment_id")
    return (
        people,
        *frames(
            [
                (row.lesion_id, code[row.USUBJID], row.TULNKID, row.TUSTRESC.lower(), row.nodal)
                for row in tu.itertuples()
            ],
            [(row.assessment_id, code[row.USUBJID], row.TRDTC) for row in visits.itertuples()],
            [
                (
                    row.assessment_id,
                    row.lesion_id,
                    row.TRSTRESN,
                    row.TRSTRESC.lower() if row.TRTESTCD == "TUMSTATE" else None,
                )
                for row in tr.itertuples()
            ],
        ),
        rs.assign(participant_id=rs["USUBJID"].map(code)).rename(columns={"RSDTC": "assessed_on"}),
    )


def investigator(file, domain):
    """The rows of an SDTM file that its investigator wrote; a month without a day becomes its last day."""
    table = pd.read_csv(CDISC / file)
    table = table[table[f"{domain}EVAL"] == "INVESTIGATOR"].copy()
    dates = f"{domain}DTC"
    if dates in table:
        month = table[dates].str.len() == 7
        last = pd.to_datetime(table.loc[month, dates]) + pd.offsets.MonthEnd(0)
        table.loc[month, dates] = last.dt.strftime("%Y-%m-%d")
    return table
