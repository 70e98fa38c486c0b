"""Biomarkers of the demonstration centre: what tumors and blood of a location are like, and what was measured.

Medians and fractions lie near published ones: TMB by Chalmers 2017 (PMID 28420421) and Chowell 2022 (doi
10.1038/s41587-021-01070-8), PD-L1 CPS by the pembrolizumab trials that `regimen.py` cites and KEYNOTE-355 (doi
10.1016/S0140-6736(20)32531-9), SP142 by IMpassion130, stromal TILs by Loi 2017 (KEYNOTE-086, Ann Oncol 28 suppl
5) and Denkert 2018 (doi 10.1016/S1470-2045(17)30904-X), the T-cell-inflamed score by Cristescu 2018 (doi
10.1126/science.aar3593), NLR by Chowell 2022.
"""

import datetime
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd

from tracker.audit import store_rows
from tracker.demo.chance import Chance, evened
from tracker.demo.specimen import store_specimens
from tracker.demo.trial import Group, Plan
from tracker.extensions import db
from tracker.models import Assay, Biomarker, Measurement
from tracker.terms.biomarker import BiomarkerKind, QcStatus, Qualifier, Scale, Timepoint
from tracker.terms.participant import Subtype

CPS_CUTOFF, IC_CUTOFF, TMB_CUTOFF, NLR_CUTOFF, LDH_CUTOFF, GEP_CUTOFF = 10, 1, 10, 4, 250, -0.318


@dataclass(frozen=True)
class _Profile:
    """Of a location's advanced tumors: medians, or the fraction at or above the cutoff (cps, ic)."""

    tmb: float
    cps: float
    ic: float
    tils: float
    gep: float
    nlr: float
    tmb_spread: float = 0.75  # the standard deviation of its logarithm


_PROFILES = {
    ("BREAST", Subtype.TNBC): _Profile(3.7, 0.36, 0.41, 12, -0.25, 3.0, 0.85),
    ("BREAST", Subtype.HR_POSITIVE): _Profile(2.8, 0.14, 0.15, 4, -0.60, 3.0),
    ("BREAST", Subtype.HER2_POSITIVE): _Profile(3.3, 0.22, 0.25, 8, -0.40, 3.0),
    "SKIN": _Profile(12.5, 0.42, 0.35, 15, -0.15, 3.2, 1.1),
    "LUNG": _Profile(7.0, 0.50, 0.35, 12, -0.15, 4.4),
    "BLADDER": _Profile(7.5, 0.32, 0.40, 10, -0.30, 4.1),
    "HEAD_NECK": _Profile(5.2, 0.60, 0.45, 12, -0.10, 5.2),
    "KIDNEY": _Profile(3.0, 0.25, 0.25, 8, -0.15, 3.6, 0.45),
    "BOWEL": _Profile(4.0, 0.20, 0.20, 6, -0.45, 4.2, 0.5),
    "UTERUS": _Profile(4.0, 0.25, 0.25, 8, -0.35, 3.8, 0.5),
    "STOMACH": _Profile(4.4, 0.25, 0.25, 8, -0.35, 4.5, 0.6),
    "OVARY": _Profile(2.8, 0.22, 0.20, 8, -0.40, 3.7, 0.5),
    "LIVER": _Profile(3.7, 0.20, 0.20, 8, -0.40, 3.7, 0.5),
    "PANCREAS": _Profile(2.2, 0.15, 0.10, 5, -0.60, 4.7, 0.5),
}
_MSI_HIGH_TMB = 38


@dataclass(frozen=True)
class _Marker:
    """A biomarker with the assay that measures it here.

    column: that of the true value; step: to which values are rounded; missing: the fraction not measured;
    from_tissue: without tissue none of these is measured; slow: its result takes weeks.
    """

    biomarker: dict
    assay: dict
    column: str
    step: float
    missing: float
    from_tissue: bool = True
    slow: bool = False
    again: tuple[Timepoint, ...] = ()


_PD_L1 = {
    "name": "PD-L1 expression", "hgnc_symbol": "CD274", "kind": BiomarkerKind.PROTEIN,
    "rationale": "The ligand through which tumor and immune cells stop PD-1-bearing T cells.",
}  # fmt: skip

MARKERS = {
    "CPS": _Marker(
        _PD_L1,
        {"name": "PD-L1 22C3 CPS", "platform": "Immunohistochemistry, Autostainer Link 48", "clone": "22C3",
         "scoring_method": "Combined positive score", "scale": Scale.CONTINUOUS, "unit": "score",
         "lower_limit": 1, "upper_limit": 100, "positive_cutoff": CPS_CUTOFF, "pool_group": "PD-L1 CPS (22C3)"},
        "cps", 1, 0.05,
    ),
    "IC": _Marker(
        _PD_L1,
        {"name": "PD-L1 SP142 IC", "platform": "Immunohistochemistry, BenchMark ULTRA", "clone": "SP142",
         "scoring_method": "Tumor area covered by stained immune cells", "scale": Scale.CONTINUOUS,
         "unit": "% of tumor area", "lower_limit": 1, "positive_cutoff": IC_CUTOFF,
         "pool_group": "PD-L1 IC (SP142)"},
        "ic", 1, 0.15,
    ),
    "TMB": _Marker(
        {"name": "Tumor mutational burden", "hgnc_symbol": None, "kind": BiomarkerKind.MUTATIONAL_BURDEN,
         "rationale": "More mutations make more neoantigens for T cells to see."},
        {"name": "TMB panel", "platform": "Targeted sequencing, 505 genes", "scale": Scale.CONTINUOUS,
         "scoring_method": "Nonsynonymous mutations a megabase", "unit": "mut/Mb", "lower_limit": 0.8,
         "positive_cutoff": TMB_CUTOFF, "pool_group": "TMB by tissue panel"},
        "tmb", 0.1, 0.16, slow=True,
    ),
    "MSI": _Marker(
        {"name": "Microsatellite instability", "hgnc_symbol": None, "kind": BiomarkerKind.MICROSATELLITE,
         "rationale": "Deficient mismatch repair leaves frameshifts that T cells recognise."},
        {"name": "MSI PCR", "platform": "Fragment analysis, five mononucleotide markers",
         "scale": Scale.BINARY, "pool_group": "MSI"},
        "msi", 1, 0.12,
    ),
    "TILS": _Marker(
        {"name": "Tumor-infiltrating lymphocytes", "hgnc_symbol": None, "kind": BiomarkerKind.CELL_DENSITY,
         "rationale": "An immune response that is there already may be strengthened."},
        {"name": "Stromal TILs", "platform": "Hematoxylin and eosin",
         "scoring_method": "International TILs Working Group 2014", "scale": Scale.CONTINUOUS,
         "unit": "% of stromal area", "lower_limit": 1, "positive_cutoff": 10, "pool_group": "Stromal TILs"},
        "tils", 1, 0.12,
    ),
    "GEP": _Marker(
        {"name": "T-cell-inflamed signature", "hgnc_symbol": None, "kind": BiomarkerKind.SIGNATURE,
         "rationale": "Eighteen genes that follow interferon gamma, and with it T cells at work."},
        {"name": "T-cell-inflamed GEP", "platform": "nCounter", "scoring_method": "18 genes, weighted",
         "scale": Scale.CONTINUOUS, "unit": "score", "positive_cutoff": GEP_CUTOFF,
         "pool_group": "T-cell-inflamed GEP"},
        "gep", 0.001, 0.20, slow=True,
    ),
    "HER2": _Marker(
        {"name": "HER2 expression", "hgnc_symbol": "ERBB2", "kind": BiomarkerKind.PROTEIN,
         "rationale": "Tells the subtype of breast cancer."},
        {"name": "HER2 IHC 4B5", "platform": "Immunohistochemistry", "clone": "4B5",
         "scoring_method": "ASCO/CAP 2018", "scale": Scale.ORDINAL, "pool_group": "HER2 IHC"},
        "her2", 1, 0.05,
    ),
    "NLR": _Marker(
        {"name": "Neutrophil-to-lymphocyte ratio", "hgnc_symbol": None, "kind": BiomarkerKind.BLOOD_COUNT,
         "rationale": "A high ratio goes with inflammation and a poor prognosis, whatever the treatment."},
        {"name": "NLR", "platform": "Differential blood count", "scale": Scale.CONTINUOUS, "unit": "ratio",
         "positive_cutoff": NLR_CUTOFF, "pool_group": "NLR"},
        "nlr", 0.1, 0.10, from_tissue=False, again=(Timepoint.ON_TREATMENT,),
    ),
    "LDH": _Marker(
        {"name": "Lactate dehydrogenase", "hgnc_symbol": None, "kind": BiomarkerKind.BLOOD_CHEMISTRY,
         "rationale": "Rises with the mass and the turnover of tumor."},
        {"name": "LDH", "platform": "Clinical chemistry", "scale": Scale.CONTINUOUS, "unit": "U/l",
         "positive_cutoff": LDH_CUTOFF, "pool_group": "LDH"},
        "ldh", 1, 0.12, from_tissue=False,
    ),
    "ctDNA": _Marker(
        {"name": "Circulating tumor DNA", "hgnc_symbol": None, "kind": BiomarkerKind.CTDNA,
         "rationale": "Falls within weeks where a treatment works."},
        {"name": "ctDNA tumor-informed", "platform": "Personalised multiplex PCR",
         "scoring_method": "Mean tumor molecules", "scale": Scale.CONTINUOUS, "unit": "molecules/ml",
         "lower_limit": 0.05, "pool_group": "ctDNA tumor-informed"},
        "ctdna", 0.01, 0.15, from_tissue=False, slow=True, again=(Timepoint.ON_TREATMENT, Timepoint.PROGRESSION),
    ),
}  # fmt: skip

_HER2_SCORES = {
    Subtype.TNBC: (("0", "1+", "2+"), (60, 30, 10)),
    Subtype.HR_POSITIVE: (("0", "1+", "2+"), (40, 40, 20)),
    Subtype.HER2_POSITIVE: (("2+", "3+"), (20, 80)),
}


def draw_markers(group: Group, chance: Chance) -> pd.DataFrame:
    """True baseline values of a group, one row a participant, before anything is measured or lost.

    Also `inflamed` and `burden`: how inflamed the tumor is and how much of it there is, in standard deviations.
    """
    profile, n = _PROFILES.get(group.location) or _PROFILES[group.location, group.subtype], group.n
    inflamed, burden = chance.normal(n), chance.normal(n)
    pd_l1 = evened(0.5 * inflamed + 0.866 * chance.normal(n))
    sp142 = evened(0.6 * pd_l1 + 0.8 * chance.normal(n))
    til = evened(0.7 * inflamed + 0.714 * chance.normal(n))
    msi = chance.happens(np.full(n, group.msi))
    tmb = np.log(profile.tmb) + profile.tmb_spread * chance.normal(n)
    tmb[msi] = np.log(_MSI_HIGH_TMB) + 0.4 * chance.normal(int(msi.sum()))
    her2 = _HER2_SCORES.get(group.subtype)
    return pd.DataFrame(
        {
            "inflamed": inflamed,
            "burden": burden,
            "cps": np.exp(np.log(CPS_CUTOFF) + 1.7 * (pd_l1 + _above(profile.cps))).clip(max=100),
            "ic": np.exp(np.log(IC_CUTOFF) + 1.6 * (sp142 + _above(profile.ic))).clip(max=80),
            "tmb": np.exp(tmb),
            "msi": msi.astype(float),
            "tils": np.exp(np.log(profile.tils) + 0.9 * til).clip(max=90),
            "gep": profile.gep + 0.42 * (0.8 * inflamed + 0.6 * chance.normal(n)),
            "her2": chance.which(*her2, n) if her2 else None,
            "nlr": np.exp(np.log(profile.nlr) + 0.55 * (0.5 * burden + 0.866 * chance.normal(n))),
            "ldh": np.exp(np.log(215) + 0.36 * (0.6 * burden + 0.8 * chance.normal(n))),
            "ctdna": np.exp(np.log(5) + 1.8 * (0.5 * burden + 0.866 * chance.normal(n))),
        }
    )


def _above(fraction):
    """By how many standard deviations the cutoff is below the middle, when this fraction lies above it."""
    return NormalDist().inv_cdf(fraction)


def store_assays() -> dict[str, Assay]:
    """Biomarkers with their assays; the assays by the key that plans use."""
    biomarkers, assays = {}, {}
    for key, marker in MARKERS.items():
        name = marker.biomarker["name"]
        if name not in biomarkers:
            biomarkers[name] = Biomarker(**marker.biomarker)
            db.session.add(biomarkers[name])
        assays[key] = Assay(**marker.assay)
        biomarkers[name].assays.append(assays[key])
    return assays


def store_measurements(
    plan: Plan, people, assays: dict[str, Assay], now: datetime.date, chance: Chance, of_specimens: Chance
):
    """What was measured of the people of a trial: not everything, not of everybody, not always well."""
    # What is missing tells nothing: it is spread evenly over responders and over tumors with much PD-L1.
    kinds = [2 * one.course.responds + (one.markers["cps"] >= CPS_CUTOFF) for one in people]
    has_tissue = ~chance.happens(np.full(len(people), 0.06), kinds)
    rows, in_specimens = [], []
    for key in plan.assays:
        marker = MARKERS[key]
        for timepoint in (Timepoint.BASELINE, *marker.again):
            is_missing = chance.happens(np.full(len(people), marker.missing), kinds)
            is_missing |= marker.from_tissue & ~has_tissue
            change, quality = chance.normal(len(people)), chance.evenly_within(kinds)
            wait = chance.integers(2, 12, len(people))
            for place, person in enumerate(people):
                value = person.markers[marker.column]
                day = _measured_on(person, timepoint, int(wait[place]))
                if is_missing[place] or value is None or day is False or (day and day > now):
                    continue
                value = _later_value(key, value, timepoint, person, change[place])
                rows.append(
                    {
                        "assay_id": assays[key].id,
                        "participant_id": person.id,
                        **_as_reported(marker, value),
                        "measured_on": day,
                        "timepoint": timepoint,
                        "qc_status": _quality(marker, quality[place], day, now),
                        "batch": f"{key}-{day:%Y-%m}" if marker.slow and day else None,
                    }
                )
                if marker.from_tissue or key == "ctDNA":
                    in_specimens.append((rows[-1], marker.from_tissue))
    store_specimens(people, has_tissue, in_specimens, of_specimens)
    store_rows(Measurement, rows)


def _measured_on(person, timepoint, wait):
    """The day; None where the participant has no dates, False where there was nothing to measure."""
    course, row = person.course, person.row
    if row["undated"]:
        return None
    day = datetime.timedelta
    if timepoint is Timepoint.BASELINE:
        before = row["first_dose_on"] or row["enrolled_on"] + day(days=4)
        return max(before - day(days=wait), row["consented_on"])
    if row["first_dose_on"] is None:
        return False
    if timepoint is Timepoint.ON_TREATMENT:
        after = 40 + wait // 2
    else:
        after = course.progressed and course.progressed + 1
    if after is None or after > course.seen_until:
        return False
    return row["first_dose_on"] + day(days=int(after))


def _later_value(key, value, timepoint, person, deviate):
    """What a blood value has become: it follows the tumor."""
    if timepoint is Timepoint.BASELINE:
        return value
    if timepoint is Timepoint.PROGRESSION:
        return value * np.exp(0.6 + 0.7 * deviate)
    if key == "NLR":
        return value * np.exp((-0.3 if person.course.responds else 0.1) + 0.25 * deviate)
    return value * np.exp((-4.3 if person.course.responds else 0.2) + 0.9 * deviate)


def _as_reported(marker, value):
    """The value as the laboratory writes it: rounded, and a bound beyond the limits of quantification."""
    if isinstance(value, str):
        return {"value": None, "category": value, "qualifier": Qualifier.EQUAL}
    lowest = marker.assay.get("lower_limit")
    step = 5 if marker.column == "tils" and value >= 10 else marker.step
    rounded = round(round(float(value) / step) * step, 3)
    if lowest is not None and (value < lowest or rounded < lowest):
        return {"value": float(lowest), "category": None, "qualifier": Qualifier.BELOW}
    return {"value": rounded, "category": None, "qualifier": Qualifier.EQUAL}


def _quality(marker, chance, day, now):
    if marker.slow and day and (now - day).days < 35 and chance < 0.7:
        return QcStatus.PENDING
    return QcStatus.FAILED if chance > (0.96 if marker.from_tissue else 0.985) else QcStatus.PASSED
