"""Lesions and assessments of the demonstration centre, whose diameters derive the response that was drawn.

RECIST 1.1 (Eisenhauer 2009): sums with nodes on their short axis; at most five targets and two an organ.
"""

import datetime
from dataclasses import dataclass

from tracker.audit import store_rows
from tracker.demo.chance import Chance
from tracker.models import Lesion, LesionMeasurement, TumorAssessment
from tracker.terms.response import LesionRole, LesionState, Modality, Organ, OverallResponse

#: Where tumors of a location are seen, with how often, and the place as a radiologist writes it.
_PLACES = {
    Organ.LYMPH_NODES: (
        "left supraclavicular node",
        "right hilar node",
        "retroperitoneal node",
        "left axillary node",
    ),
    Organ.LUNG: ("right lower lobe", "left upper lobe", "lingula", "right middle lobe"),
    Organ.LIVER: ("segment IV of the liver", "segment VII of the liver", "segment II of the liver"),
    Organ.SKIN: ("skin of the left flank", "subcutis of the right thigh"),
    Organ.BREAST: ("right breast, upper outer quadrant", "left breast, chest wall"),
    Organ.PERITONEUM: ("omental cake", "nodule of the right paracolic gutter"),
    Organ.ADRENAL: ("left adrenal gland", "right adrenal gland"),
    Organ.BLADDER: ("left wall of the bladder", "right ureter"),
    Organ.KIDNEY: ("left nephrectomy bed", "upper pole of the right kidney"),
    Organ.HEAD_NECK: ("base of the tongue", "left tonsil", "floor of the mouth"),
    Organ.STOMACH: ("gastric antrum", "cardia"),
    Organ.BOWEL: ("sigmoid colon", "cecum"),
    Organ.UTERUS: ("vaginal vault", "left parametrium"),
    Organ.OVARY: ("left ovary", "pouch of Douglas"),
    Organ.PANCREAS: ("head of the pancreas", "tail of the pancreas"),
}
_NODES, _LUNG, _LIVER = Organ.LYMPH_NODES, Organ.LUNG, Organ.LIVER
_SPREAD = {
    "BREAST": {_NODES: 30, _LUNG: 25, _LIVER: 20, Organ.BREAST: 25},
    "LUNG": {_LUNG: 50, _NODES: 30, Organ.ADRENAL: 10, _LIVER: 10},
    "SKIN": {_LUNG: 25, _NODES: 30, Organ.SKIN: 25, _LIVER: 20},
    "HEAD_NECK": {Organ.HEAD_NECK: 40, _NODES: 35, _LUNG: 25},
    "BLADDER": {Organ.BLADDER: 30, _NODES: 40, _LUNG: 20, _LIVER: 10},
    "KIDNEY": {_LUNG: 45, _NODES: 25, Organ.KIDNEY: 15, Organ.ADRENAL: 15},
    "BOWEL": {_LIVER: 50, _LUNG: 25, Organ.BOWEL: 15, _NODES: 10},
    "UTERUS": {Organ.UTERUS: 35, _NODES: 35, _LUNG: 30},
    "OVARY": {Organ.PERITONEUM: 45, Organ.OVARY: 25, _NODES: 15, _LIVER: 15},
    "STOMACH": {Organ.STOMACH: 30, _LIVER: 35, _NODES: 35},
    "LIVER": {_LIVER: 65, _LUNG: 20, _NODES: 15},
    "PANCREAS": {Organ.PANCREAS: 50, _LIVER: 50},
}
#: Of so many visits the last one decides nothing about the best response.
_MANY = 6

_NOT_TARGET = (
    "bone lesion of the third lumbar vertebra",
    "ascites",
    "pleural effusion",
    "small mediastinal nodes",
)


@dataclass
class _Target:
    label: str
    place: str
    organ: Organ
    baseline: int

    @property
    def is_node(self):
        return self.organ is Organ.LYMPH_NODES

    @property
    def gone(self):
        """What it measures when it has responded completely."""
        return 6 if self.is_node else 0


@dataclass
class _Seen:
    """What one assessment found: millimetres of each target; the others' state; new lesions with their diameter."""

    day: int
    diameters: list[int | None]
    others: LesionState
    new: dict[str, int | None]


def store_responses(people, chance: Chance):
    """Lesions and assessments of the people of one trial who have dates."""
    lesions, visits, calls = [], [], []
    has_missed = False
    for person in people:
        if person.row["first_dose_on"] is None:
            continue
        targets, others = _baseline(person, chance)
        seen = list(_course(person, targets, chance))
        if not has_missed and _is_followed(person) and len(seen) >= _MANY:
            has_missed, seen = True, seen[:-1]  # the last visit is overdue
        lesions += [(person, row) for row in _lesion_rows(targets, others, seen)]
        visits += [(person, targets, others, one) for one in seen]
        calls += _differing_calls(person, seen, chance)
    ids = iter(store_rows(Lesion, [{"participant_id": person.id, **row} for person, row in lesions]))
    by_label = {(person.id, row["label"]): next(ids) for person, row in lesions}
    rows, parts = [], []
    for (person, targets, others, seen), call in zip(visits, calls, strict=True):
        brain = chance.one() < 0.04
        rows.append(
            {
                "participant_id": person.id,
                "assessed_on": person.row["first_dose_on"] + datetime.timedelta(days=seen.day),
                "modality": Modality.MRI if brain else Modality.CT,
                "investigator_response": call,
                "investigator_reason": call and "Growth judged to be inflammation; scan repeated",
            }
        )
        parts.append(
            [
                {"lesion_id": by_label[person.id, label], "diameter_mm": diameter, "state": state}
                for label, diameter, state in _found(targets, others, seen)
            ]
        )
    store_rows(TumorAssessment, rows, {LesionMeasurement: parts})


def _is_followed(person) -> bool:
    """Whether nothing has ended the participant's assessments."""
    ends = ("off_treatment_on", "new_therapy_on", "off_study_on", "died_on")
    return all(person.row.get(name) is None for name in ends)


def _baseline(person, chance):
    """One to four targets, at most two an organ, and up to two lesions that are not measured."""
    spread = _SPREAD[person.row["tumor_location"]]
    organs = chance.which(list(spread), list(spread.values()), 1 + int(3.2 * chance.one()))
    targets, used = [], []
    for organ in organs:
        if used.count(organ) < 2:
            place = _PLACES[organ][used.count(organ) % len(_PLACES[organ])]
            smallest = 16 if organ is Organ.LYMPH_NODES else 12
            size = smallest + int(chance.one() ** 2 * 55)
            targets.append(_Target(f"T{len(targets) + 1}", place, organ, size))
            used.append(organ)
    others = chance.which([0, 1, 2], [45, 40, 15], 1)[0]
    first = int(chance.one() * len(_NOT_TARGET))
    return targets, [_NOT_TARGET[(first + place) % len(_NOT_TARGET)] for place in range(others)]


def _course(person, targets, chance):
    """What is seen at baseline and at every visit."""
    whole = [one.baseline for one in targets]
    before = (person.row["first_dose_on"] - person.row["consented_on"]).days
    yield _Seen(-min(before, int(chance.integers(1, 20, 1)[0])), whole, LesionState.PRESENT, {})
    total, now, nadir = sum(whole), whole, sum(whole)
    depth = 0.35 + 0.33 * chance.one()  # of a partial response: what is left
    drift = 0.86 + 0.28 * chance.one()  # of stable disease, from visit to visit
    for day, call in person.course.visits:
        others, new = LesionState.PRESENT, {}
        if call == "CR":
            now, others = [one.gone for one in targets], LesionState.ABSENT
        elif call == "PR":
            wanted = min(depth * total, nadir * (1.04 + 0.1 * chance.one()))
            now = _fitted(targets, wanted, 1, min(7 * total // 10, _below_progression(nadir)), chance)
            now = _still_there(targets, now)
        elif call == "SD":
            least = 7 * total // 10 + 1
            wanted = sum(now) * drift * (0.96 + 0.08 * chance.one())
            now = _fitted(targets, wanted, least, max(_below_progression(nadir), least), chance)
        else:
            now, others, new = _progressed(targets, now, nadir, total, chance)
        seen = list(now)
        if call == "SD" and day > 100 and not person.course.responds and chance.one() < 0.02:
            seen[0] = None  # not looked at well enough
        elif sum(now) > 0:
            nadir = min(nadir, sum(now))
        yield _Seen(day, seen, others, new)
        if call == "CR":
            nadir = min(nadir, sum(now))


def _below_progression(nadir):
    """The largest sum that is no progression over the nadir: less than 20 % or less than 5 mm more."""
    return max((6 * nadir - 1) // 5, nadir + 4)


def _fitted(targets, wanted, low, high, chance):
    """Whole millimetres of the targets that sum to about what is wanted, and to no less than low or more than high."""
    wanted = min(max(round(wanted), low), high)
    total = sum(one.baseline for one in targets)
    found = [max(round(one.baseline * wanted / total * (0.94 + 0.12 * chance.one())), 5) for one in targets]
    place = max(range(len(targets)), key=lambda number: targets[number].baseline)
    found[place] = max(found[place] + wanted - sum(found), 5)
    for number in range(len(found)):  # where the smallest that is measured was too much, from the next
        excess = sum(found) - high
        if excess > 0:
            found[number] = max(found[number] - excess, 0)
    return found


def _still_there(targets, diameters):
    """That a partial response of nodes alone is not complete: one of them has a short axis of 10 mm."""
    if all(one.is_node for one in targets) and max(diameters) < 10:
        diameters = [5] * len(targets)
        diameters[max(range(len(targets)), key=lambda number: targets[number].baseline)] = 10
    return diameters


def _progressed(targets, now, nadir, total, chance):
    """By growth, by a new lesion, by lesions that are not measured, or by several of these."""
    how = chance.which(["growth", "new", "both"], [40, 35, 25], 1)[0]
    if how == "new":
        low, high = (1, _below_progression(nadir)) if nadir else (0, 0)
        grown = _fitted(targets, sum(now), low, high, chance) if nadir else list(now)
    else:
        least = max(-(-6 * nadir // 5), nadir + 5)
        wanted = max(least + 1, nadir * (1.25 + 0.5 * chance.one()), 0.25 * total)
        grown = _fitted(targets, wanted, least, 10 * total, chance)
        shift = least - sum(grown)
        grown[0] += max(shift, 0)
    new = {}
    if how != "growth":
        new["N1"] = int(8 + 14 * chance.one()) if chance.one() < 0.6 else None
    worse = chance.one() < 0.15
    return grown, LesionState.UNEQUIVOCAL_PROGRESSION if worse else LesionState.PRESENT, new


def _lesion_rows(targets, others, seen):
    for one in targets:
        yield _lesion(one.label, LesionRole.TARGET, one.place, one.organ)
    for number, place in enumerate(others, start=1):
        yield _lesion(f"NT{number}", LesionRole.NON_TARGET, place, None)
    for label, diameter in {label: size for one in seen for label, size in one.new.items()}.items():
        role = LesionRole.NEW_NOT_MEASURED if diameter is None else LesionRole.NEW_MEASURED
        place, organ = ("segment VI of the liver", _LIVER) if diameter else ("pleural nodules", Organ.PLEURA)
        yield _lesion(label, role, place, organ)


def _lesion(label, role, place, organ):
    is_node = organ is Organ.LYMPH_NODES
    return {"label": label, "role": role, "place": place, "organ": organ, "nodal": is_node}


def _found(targets, others, seen):
    """Label, diameter and state of every lesion that an assessment looked at."""
    for target, diameter in zip(targets, seen.diameters, strict=True):
        if diameter is None:
            yield target.label, None, LesionState.NOT_EVALUABLE
        elif diameter == 0:
            yield target.label, None, LesionState.ABSENT
        else:
            yield target.label, float(diameter), None
    for number in range(len(others)):
        yield f"NT{number + 1}", None, seen.others
    for label, diameter in seen.new.items():
        yield label, diameter and float(diameter), None if diameter else LesionState.PRESENT


def _differing_calls(person, seen, chance):
    """Of a few who progress by growth alone, the investigator thinks otherwise."""
    calls = [None] * len(seen)
    is_growth = person.course.progressed is not None and not seen[-1].new
    if is_growth and seen[-1].others is LesionState.PRESENT and chance.one() < 0.03:
        calls[-1] = OverallResponse.SD
    return calls
