"""Agents and regimens of the demonstration centre, and what is published of them.

ITX-204 and ITX-310 are invented. The published rates are facts with their citations; where a publication gives only the
rate, the number of responders is rounded from it and marked so.
"""

from dataclasses import dataclass

from tracker.extensions import db
from tracker.models import Agent, ReferenceResult, Regimen, RegimenComponent
from tracker.terms.participant import Subtype
from tracker.terms.regimen import (
    ComponentRole,
    DoseUnit,
    MechanismClass,
    Modality,
    ReferenceEndpoint,
    Route,
)

_AGENTS = [
    ("pembrolizumab", "MK-3475", "PD-1", MechanismClass.PD_1, Modality.ANTIBODY, "Merck"),
    ("nivolumab", "BMS-936558", "PD-1", MechanismClass.PD_1, Modality.ANTIBODY, "Bristol Myers Squibb"),
    ("ipilimumab", "MDX-010", "CTLA-4", MechanismClass.CTLA_4, Modality.ANTIBODY, "Bristol Myers Squibb"),
    ("atezolizumab", "MPDL3280A", "PD-L1", MechanismClass.PD_L1, Modality.ANTIBODY, "Roche"),
    ("relatlimab", "BMS-986016", "LAG-3", MechanismClass.LAG_3, Modality.ANTIBODY, "Bristol Myers Squibb"),
    ("ITX-204", "ITX-204", "OX40", MechanismClass.COSTIMULATION, Modality.ANTIBODY, "Invented Therapeutics"),
    ("ITX-310", "ITX-310", "TIGIT", MechanismClass.TIGIT, Modality.ANTIBODY, "Invented Therapeutics"),
    ("lenvatinib", "E7080", "VEGFR, FGFR", MechanismClass.ANTI_ANGIOGENIC, Modality.SMALL_MOLECULE, "Eisai"),
    ("nab-paclitaxel", None, "microtubules", MechanismClass.CHEMOTHERAPY, Modality.SMALL_MOLECULE, None),
    ("docetaxel", None, "microtubules", MechanismClass.CHEMOTHERAPY, Modality.SMALL_MOLECULE, None),
    ("carboplatin", None, "DNA", MechanismClass.CHEMOTHERAPY, Modality.SMALL_MOLECULE, None),
]  # fmt: skip

_MG, _MG_KG, _MG_M2, _AUC = DoseUnit.MG, DoseUnit.MG_KG, DoseUnit.MG_M2, DoseUnit.AUC
_BACKBONE, _ADDED, _SEQUENTIAL = ComponentRole.BACKBONE, ComponentRole.ADDED, ComponentRole.SEQUENTIAL


@dataclass(frozen=True)
class Component:
    """One agent of a regimen.

    days: those of a cycle on which it is given; cycles: from the first to the last; reduced: the doses to which it
    is reduced, one after the other.
    """

    agent: str
    dose: float
    unit: DoseUnit
    schedule: str
    role: ComponentRole = _BACKBONE
    days: tuple[int, ...] = (1,)
    cycles: tuple[int, int] = (1, 99)
    route: Route = Route.INTRAVENOUS
    reduced: tuple[float, ...] = ()


@dataclass(frozen=True)
class Schedule:
    """A regimen as it is given: cycles of so many days, and how many at most."""

    cycle_days: int
    cycles: int
    components: tuple[Component, ...]
    rationale: str | None = None

    @property
    def planned_days(self) -> int:
        """From the first dose until the treatment is complete."""
        return self.cycle_days * self.cycles


_PEMBROLIZUMAB = Component("pembrolizumab", 200, _MG, "every 3 weeks")
_ITX = Component("ITX-204", 100, _MG, "every 3 weeks")

SCHEDULES = {
    "pembrolizumab": Schedule(21, 35, (_PEMBROLIZUMAB,)),
    "nivolumab": Schedule(14, 52, (Component("nivolumab", 240, _MG, "every 2 weeks"),)),
    "ipilimumab": Schedule(21, 4, (Component("ipilimumab", 3, _MG_KG, "every 3 weeks, 4 doses"),)),
    "docetaxel": Schedule(21, 10, (Component("docetaxel", 75, _MG_M2, "every 3 weeks", reduced=(60, 50)),)),
    "lenvatinib": Schedule(
        21, 40, (Component("lenvatinib", 24, _MG, "once daily", route=Route.ORAL, reduced=(20, 14, 10)),)
    ),
    "ITX-204": Schedule(21, 17, (_ITX,)),
    "nivolumab + ipilimumab": Schedule(
        21,
        35,
        (
            Component("nivolumab", 1, _MG_KG, "every 3 weeks, 4 doses", cycles=(1, 4)),
            Component("ipilimumab", 3, _MG_KG, "every 3 weeks, 4 doses", _ADDED, cycles=(1, 4)),
            Component("nivolumab", 360, _MG, "every 3 weeks from cycle 5", _SEQUENTIAL, cycles=(5, 99)),
        ),
        "PD-1 and CTLA-4 restrain T cells at different points: in the tumor and in the node.",
    ),
    "nivolumab + relatlimab": Schedule(
        28,
        26,
        (
            Component("nivolumab", 480, _MG, "every 4 weeks"),
            Component("relatlimab", 160, _MG, "every 4 weeks", _ADDED),
        ),
        "LAG-3 is expressed with PD-1 on exhausted T cells and may keep them so.",
    ),
    "atezolizumab + nab-paclitaxel": Schedule(
        28,
        26,
        (
            Component("nab-paclitaxel", 100, _MG_M2, "days 1, 8 and 15 of 28", days=(1, 8, 15), reduced=(75, 50)),
            Component("atezolizumab", 840, _MG, "days 1 and 15 of 28", _ADDED, days=(1, 15)),
        ),
        "Chemotherapy releases antigen, and this taxane needs no steroid.",
    ),
    "pembrolizumab + lenvatinib": Schedule(
        21,
        35,
        (
            _PEMBROLIZUMAB,
            Component("lenvatinib", 20, _MG, "once daily", _ADDED, route=Route.ORAL, reduced=(14, 10, 8)),
        ),
        "VEGF keeps T cells out of the tumor and feeds regulatory ones; its inhibition lets PD-1 blockade work.",
    ),
    "pembrolizumab + carboplatin + docetaxel": Schedule(
        21,
        6,
        (
            Component("docetaxel", 75, _MG_M2, "every 3 weeks, 6 cycles", reduced=(60, 50)),
            Component("carboplatin", 6, _AUC, "every 3 weeks, 6 cycles", reduced=(5, 4)),
            Component("pembrolizumab", 200, _MG, "every 3 weeks, 6 cycles", _ADDED),
        ),
        "Before surgery the tumor is there to prime T cells; no anthracycline is needed for it.",
    ),
    "pembrolizumab + ITX-204": Schedule(
        21,
        35,
        (_PEMBROLIZUMAB, Component("ITX-204", 100, _MG, "every 3 weeks", _ADDED)),
        "OX40 drives the T cells that PD-1 blockade sets free. Invented for the demonstration.",
    ),
    "ITX-204 + ITX-310": Schedule(
        21,
        17,
        (_ITX, Component("ITX-310", 300, _MG, "every 3 weeks", _ADDED)),
        "TIGIT holds back the cells that OX40 drives. Invented for the demonstration.",
    ),
}  # fmt: skip

_HR, _TNBC = Subtype.HR_POSITIVE, Subtype.TNBC
_ORR, _PCR = ReferenceEndpoint.ORR, ReferenceEndpoint.PCR

# Regimen, location, subtype, prior lines, endpoint, x, n, whether x is rounded, selection, citation.
_REFERENCES = [
    ("nivolumab + ipilimumab", "SKIN", None, "0", _ORR, 181, 314, True, None,
     "Larkin 2015, N Engl J Med 373:23-34 (CheckMate 067), PMID 26027431"),
    ("nivolumab", "SKIN", None, "0", _ORR, 138, 316, True, None,
     "Larkin 2015, N Engl J Med 373:23-34 (CheckMate 067), PMID 26027431"),
    ("ipilimumab", "SKIN", None, "0", _ORR, 60, 315, True, None,
     "Larkin 2015, N Engl J Med 373:23-34 (CheckMate 067), PMID 26027431"),
    ("nivolumab + relatlimab", "SKIN", None, "0", _ORR, 155, 355, True, None,
     "Tawbi 2025, J Clin Oncol 43:1546-1552 (RELATIVITY-047), doi 10.1200/JCO.24.01124"),
    ("nivolumab", "SKIN", None, "0", _ORR, 121, 359, True, None,
     "Tawbi 2025, J Clin Oncol 43:1546-1552 (RELATIVITY-047), doi 10.1200/JCO.24.01124"),
    ("pembrolizumab", "BREAST", _TNBC, "1+", _ORR, 9, 170, False, None,
     "Adams 2019, Ann Oncol 30:397-404 (KEYNOTE-086 cohort A), PMID 30475950"),
    ("pembrolizumab", "BREAST", _TNBC, "0", _ORR, 18, 84, False, "PD-L1 CPS at least 1",
     "Adams 2019, Ann Oncol 30:405-411 (KEYNOTE-086 cohort B), PMID 30475947"),
    ("pembrolizumab", "BREAST", _HR, "1+", _ORR, 3, 25, False, "PD-L1 CPS at least 1",
     "Rugo 2018, Clin Cancer Res 24:2804-2811 (KEYNOTE-028), doi 10.1158/1078-0432.CCR-17-3452"),
    ("pembrolizumab", "HEAD_NECK", None, "0", _ORR, 51, 301, True, None,
     "Burtness 2019, Lancet 394:1915-1928 (KEYNOTE-048), PMID 31679945"),
    ("pembrolizumab", "BLADDER", None, "0", _ORR, 106, 370, False, "not fit for cisplatin",
     "Vuky 2020, J Clin Oncol 38:2658-2666 (KEYNOTE-052), PMID 32552471"),
    ("pembrolizumab", "OVARY", None, "1+", _ORR, 30, 376, True, None,
     "Matulonis 2019, Ann Oncol 30:1080-1087 (KEYNOTE-100), PMID 31046082"),
    ("pembrolizumab", "STOMACH", None, "1+", _ORR, 30, 259, False, None,
     "Fuchs 2018, JAMA Oncol 4:e180013 (KEYNOTE-059 cohort 1), PMID 29543932"),
    ("pembrolizumab", "BOWEL", None, "0", _ORR, 67, 153, False, "MSI-H or dMMR",
     "André 2020, N Engl J Med 383:2207-2218 (KEYNOTE-177), PMID 33264544"),
    ("pembrolizumab", "BOWEL", None, "1+", _ORR, 0, 18, False, "MMR-proficient",
     "Le 2015, N Engl J Med 372:2509-2520 (KEYNOTE-016), PMID 26028255"),
    ("pembrolizumab", "UTERUS", None, "1+", _ORR, 38, 79, False, "MSI-H or dMMR",
     "O'Malley 2022, J Clin Oncol 40:752-761 (KEYNOTE-158), PMID 34990208"),
    ("pembrolizumab", "LUNG", None, "1+", _ORR, 62, 344, True, "PD-L1 TPS at least 1 %, 2 mg/kg",
     "Herbst 2016, Lancet 387:1540-1550 (KEYNOTE-010), doi 10.1016/S0140-6736(15)01281-7"),
    ("docetaxel", "LUNG", None, "1+", _ORR, 32, 343, True, "PD-L1 TPS at least 1 %",
     "Herbst 2016, Lancet 387:1540-1550 (KEYNOTE-010), doi 10.1016/S0140-6736(15)01281-7"),
    ("pembrolizumab", "KIDNEY", None, "0", _ORR, 40, 110, False, "clear cell",
     "McDermott 2021, J Clin Oncol 39:1020-1028 (KEYNOTE-427 cohort A), doi 10.1200/JCO.20.02363"),
    ("lenvatinib", "KIDNEY", None, "1+", _ORR, 14, 52, False, "clear cell, after one VEGF inhibitor",
     "Motzer 2015, Lancet Oncol 16:1473-1482, doi 10.1016/S1470-2045(15)00290-9"),
    ("pembrolizumab + lenvatinib", "KIDNEY", None, "0", _ORR, 252, 355, True, "clear cell",
     "Motzer 2021, N Engl J Med 384:1289-1300 (CLEAR)"),
    ("atezolizumab + nab-paclitaxel", "BREAST", _TNBC, "0", _ORR, 252, 450, True, None,
     "Schmid 2018, N Engl J Med 379:2108-2121 (IMpassion130), doi 10.1056/NEJMoa1809615"),
    ("pembrolizumab + carboplatin + docetaxel", "BREAST", _TNBC, "0", _PCR, 67, 115, True, "stages I to III",
     "Sharma 2024, JAMA Oncol 10:227-235 (NeoPACT), doi 10.1001/jamaoncol.2023.5033"),
]  # fmt: skip


def store_regimens() -> dict[str, Regimen]:
    """Agents, regimens and reference results; the regimens by name."""
    agents = {
        name: Agent(
            name=name,
            code=code,
            target=target,
            mechanism_class=mechanism,
            modality=modality,
            developer=developer,
        )
        for name, code, target, mechanism, modality, developer in _AGENTS
    }
    regimens = {name: _regimen(name, schedule, agents) for name, schedule in SCHEDULES.items()}
    db.session.add_all(regimens.values())
    names = ["subtype", "prior_lines", "endpoint", "x", "n", "x_is_rounded", "selection", "citation"]
    for regimen, location, *rest in _REFERENCES:
        result = ReferenceResult(tumor_location=location, **dict(zip(names, rest, strict=True)))
        regimens[regimen].reference_results.append(result)
    return regimens


def _regimen(name, schedule, agents):
    regimen = Regimen(name=name, rationale=schedule.rationale)
    for one in schedule.components:
        regimen.components.append(
            RegimenComponent(
                agent=agents[one.agent],
                role=one.role,
                dose=one.dose,
                unit=one.unit,
                route=one.route,
                schedule=one.schedule,
                start_day=(one.cycles[0] - 1) * schedule.cycle_days + one.days[0],
            )
        )
    return regimen
