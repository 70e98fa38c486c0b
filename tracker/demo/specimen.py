"""Specimens of the demonstration centre: the tissue in which tumor markers are measured, and plasma of each ctDNA."""

import datetime

import numpy as np

from tracker.audit import store_rows
from tracker.demo.chance import Chance
from tracker.models import Specimen
from tracker.terms.biomarker import QcStatus, Timepoint
from tracker.terms.response import Organ
from tracker.terms.specimen import AnatomicPlace, SpecimenQuality, SpecimenStatus, SpecimenType

#: Where a primary tumor of each location is taken from.
_ORGANS = {
    "BREAST": Organ.BREAST, "SKIN": Organ.SKIN, "LUNG": Organ.LUNG, "BLADDER": Organ.BLADDER,
    "HEAD_NECK": Organ.HEAD_NECK, "KIDNEY": Organ.KIDNEY, "BOWEL": Organ.BOWEL, "UTERUS": Organ.UTERUS,
    "STOMACH": Organ.STOMACH, "OVARY": Organ.OVARY, "LIVER": Organ.LIVER, "PANCREAS": Organ.PANCREAS,
}  # fmt: skip
_METASTASES = [Organ.LYMPH_NODES, Organ.LIVER, Organ.LUNG, Organ.SKIN, Organ.BONE, Organ.PERITONEUM]


def store_specimens(people, has_tissue, measured: list[tuple[dict, bool]], chance: Chance) -> None:
    """The specimens of a trial's people, and in each row of a measurement the specimen that it was made in.

    has_tissue: of whom the tissue sufficed. measured: a row of each measurement, and whether it is of tissue. Routine
    blood is no specimen; who does not consent to research on samples gives none, nor does who came without dates.
    """
    n = len(people)
    is_archived, is_primary = chance.happens(np.full(n, 0.6)), chance.happens(np.full(n, 0.5))
    organs, age = chance.which(_METASTASES, [30, 25, 18, 12, 8, 7], n), chance.integers(20, 420, n)
    content, limited = 45 + 20 * chance.normal(n), chance.happens(np.full(n, 0.12))
    used_up = chance.happens(np.full(n, 0.1))
    rows, keys = [], []
    days = _first_days(measured)
    for place, person in enumerate(people):
        if person.row["undated"] or not person.row["consents_to_sample_research"]:
            continue
        day = days.get(person.id) or person.row["consented_on"]
        archived = is_archived[place]
        is_of_primary = bool(is_primary[place]) if archived else place % 5 == 0
        tissue = {
            "participant_id": person.id,
            "barcode": f"IB{person.id:05}-T1",
            "type": SpecimenType.FIXED_TISSUE,
            "anatomic_place": AnatomicPlace.PRIMARY if is_of_primary else AnatomicPlace.METASTASIS,
            "location": _ORGANS.get(person.group.location) if is_of_primary else organs[place],
            "collected_on": _earlier(person, int(age[place])) if archived else day,
            "timepoint": Timepoint.BASELINE,
            "tumor_content_percent": float(round(content[place] / 5) * 5 if 10 < content[place] < 90 else 80),
            "quality": _quality(has_tissue[place], limited[place]),
            "status": SpecimenStatus.USED_UP if used_up[place] else SpecimenStatus.AVAILABLE,
        }
        rows.append(tissue)
        keys.append((person.id, None))
        if not archived and place % 3 == 0:  # of a new biopsy a part may be frozen, for later
            frozen = {"barcode": f"IB{person.id:05}-T2", "type": SpecimenType.FROZEN_TISSUE}
            rows.append(tissue | frozen | {"status": SpecimenStatus.AVAILABLE})
            keys.append((person.id, SpecimenType.FROZEN_TISSUE))
    known = {
        person.id
        for person in people
        if not person.row["undated"] and person.row["consents_to_sample_research"]
    }
    for row, is_of_tissue in measured:
        if row["participant_id"] in known and row["measured_on"] and not is_of_tissue:
            rows.append(_plasma(row))
            keys.append((row["participant_id"], row["timepoint"]))
    ids = dict(zip(keys, store_rows(Specimen, rows)))
    for row, is_of_tissue in measured:
        row["specimen_id"] = ids.get((row["participant_id"], None if is_of_tissue else row["timepoint"]))


def _first_days(measured):
    """The first day on which each participant's tissue was measured."""
    days: dict[int, datetime.date] = {}
    for row, is_of_tissue in measured:
        if is_of_tissue and row["measured_on"]:
            days[row["participant_id"]] = min(
                days.get(row["participant_id"], row["measured_on"]), row["measured_on"]
            )
    return days


def _earlier(person, days):
    """A day before consent on which tissue was taken for the diagnosis, a weekday."""
    date = person.row["consented_on"] - datetime.timedelta(days=days)
    return date - datetime.timedelta(days=max(0, date.weekday() - 4))


def _quality(suffices, is_limited):
    if not suffices:
        return SpecimenQuality.INADEQUATE
    return SpecimenQuality.LIMITED if is_limited else SpecimenQuality.ADEQUATE


def _plasma(row):
    number = 1 + list(Timepoint).index(row["timepoint"])
    return {
        "participant_id": row["participant_id"],
        "barcode": f"IB{row['participant_id']:05}-P{number}",
        "type": SpecimenType.PLASMA,
        "collected_on": row["measured_on"],
        "timepoint": row["timepoint"],
        "quality": SpecimenQuality.ADEQUATE,
        "status": SpecimenStatus.SENT if row["qc_status"] is QcStatus.PENDING else SpecimenStatus.AVAILABLE,
    }
