"""What a report says for a finding about a biomarker, and what keeps a finding from being submitted."""

import math

from flask_babel import gettext as _

from tracker.reads.participant import MASKED
from tracker.reports.base import Result, run_report
from tracker.reports.kept import arguments_of, rerun, stale
from tracker.reports.survival import TESTED
from tracker.rules.evidence import refused_by_guard, refused_claim
from tracker.stats.association import odds_ratio
from tracker.stats.firth import firth_logistic
from tracker.terms.biomarker import MarkerClaim, MarkerStatus
from tracker.terms.evidence import (
    Claim,
    CutoffOrigin,
    EffectMeasure,
    EvidenceDirection,
    EvidenceEndpoint,
    FindingSource,
    HigherMeans,
    Nature,
)
from tracker.terms.trial import ResponseCriteria
from tracker.values import Refusal

#: Fields of a finding that a rerun is compared in; the first four are of the effect.
FIGURES = ("estimate", "ci_low", "ci_high", "p_value", "n", "events", "interaction_p")

#: Below it an effect is one.
LEVEL = 0.05

#: The endpoints of findings that the claim guard knows, as it calls them.
GUARDED = {
    EvidenceEndpoint.RESPONSE: "response",
    EvidenceEndpoint.PCR: "response",
    EvidenceEndpoint.PFS: "pfs",
    EvidenceEndpoint.OS: "os",
}

_POSITIVE, _NEGATIVE = MarkerStatus.POSITIVE.value, MarkerStatus.NEGATIVE.value


# From a report


def figures_of(result: Result) -> dict | None:
    """What the report says of a finding's fields, plain values by name; None where it tells of no effect.

    trial, arm (TRIAL/ARM), regimen and tumor_location are named where all participants have the same.
    """
    made = _MADE.get(result.report.slug) if result.parameters.get("marker") else None
    found = made(result) if made else None
    if found is None:
        return None
    asked = {"cutoff": result.parameters["cutoff"], "cutoff_origin": None, "cutoffs_tried": None}
    asked["markers_tried"] = None  # only a report that is told how many tells it; else the author does
    asked |= {"assay": result.parameters["marker"], "data_cutoff": result.data_cutoff}
    return asked | found


def _predictive(result) -> dict | None:
    table = _rows(result)
    if not table.get("interaction") or not result.verdict:
        return None
    found, verdict = table["interaction"][0], MarkerClaim(result.verdict["code"])
    if found["estimate"] is None:
        return None
    is_survival = found["measure"] == "HR"
    claim, direction = _said(verdict)
    events = [row[f"events_{arm}"] for row in table["by_status"] for arm in ("treated", "comparator")]
    return {
        "claim": claim.value,
        "direction": direction.value,
        "endpoint": _endpoint(result, result.parameters["endpoint"]),
        **_effect(is_survival, found["estimate"], found["low"], found["high"], found["p_lrt"]),
        "n": int(found["n"]),
        "events": int(sum(events)),
        "interaction_p": found["p_lrt"],
        "has_comparator": True,
        "markers_tried": int(found["tried"]) if (found["tried"] or 1) > 1 else None,
        **_whom(result.frames[0], result.parameters["treated"], result.parameters["comparator"]),
    }


def _said(verdict: MarkerClaim) -> tuple[Claim, EvidenceDirection]:
    """What a finding claims with this verdict, and whether it supports that."""
    if verdict.is_predictive:
        return Claim.PREDICTIVE, EvidenceDirection.SUPPORTS
    if verdict is MarkerClaim.NOT_RANDOMISED:
        return Claim.ASSOCIATED, EvidenceDirection.SUPPORTS
    return Claim.PREDICTIVE, EvidenceDirection.AGAINST


def _survival(result) -> dict | None:
    if result.parameters["by"] != ["marker"]:
        return None
    table = _rows(result)
    row = _row(table["comparison"], group=_POSITIVE, reference=_NEGATIVE)
    if row is None or row["hr"] is None:
        return None
    return _association(
        _effect(True, row["hr"], row["hr_low"], row["hr_high"], row["p_wald"]),
        [_row(table["median"], marker=status) for status in (_POSITIVE, _NEGATIVE)],
        "events",
        result,
    )


def _outcomes(result) -> dict | None:
    if result.parameters["by"] != ["marker"]:
        return None
    rows = [_row(_rows(result)["response"], marker=status) for status in (_POSITIVE, _NEGATIVE)]
    if any(row is None or row["n"] < TESTED for row in rows):
        return None
    cells = [(row["responders"], row["n"]) for row in rows]
    return _association(_odds_ratio(*cells[0], *cells[1]), rows, "responders", result)


def _biomarker(result) -> dict | None:
    """The effect at the cutoff that the report takes; a p of a cutoff that was sought by the same endpoint flatters."""
    table, endpoint = _rows(result), result.parameters["endpoint"]
    given = _row(table.get("cutoff", []), origin=CutoffOrigin.PRESPECIFIED.value)
    cut = given or _row(table.get("cutoff", []), endpoint=endpoint)
    if cut is None:
        return None
    if endpoint == "response":
        rows = [_row(table["response"], status=status) for status in (_POSITIVE, _NEGATIVE)]
        events = "responders"
        if any(row["n"] < TESTED for row in rows):
            return None
        effect = _odds_ratio(*(row[name] for row in rows for name in ("responders", "n")))
        effect["p_value"] = effect["p_value"] if given else None
    else:
        row = _row(table.get("comparison", []), group=_POSITIVE, endpoint=endpoint)
        if row is None or row["hr"] is None:
            return None
        rows = [_row(table["median"], marker=status, endpoint=endpoint) for status in (_POSITIVE, _NEGATIVE)]
        events = "events"
        effect = _effect(True, row["hr"], row["hr_low"], row["hr_high"], row["p_wald"])
    about = {"cutoff": cut["cutoff"], "cutoff_origin": cut["origin"], "cutoffs_tried": cut["cutoffs_tried"]}
    return _association(effect, rows, events, result) | about


def _odds_ratio(x1, n1, x2, n2) -> dict:
    """With Firth's correction where a cell is empty."""
    found = odds_ratio(x1, n1, x2, n2)
    if not math.isnan(found.ratio):
        return _effect(False, found.ratio, found.low, found.high, found.p_lrt)
    fit = firth_logistic([1, 0], [x1, x2], [n1, n2])
    return _effect(False, *map(math.exp, (fit.coef[-1], fit.low, fit.high)), fit.p_lrt)


def _association(effect, rows, events, result) -> dict:
    is_shown = effect["p_value"] is not None and effect["p_value"] < LEVEL
    direction = EvidenceDirection.SUPPORTS if is_shown else EvidenceDirection.INCONCLUSIVE
    return effect | {
        "claim": Claim.ASSOCIATED.value,
        "direction": direction.value,
        "endpoint": _endpoint(result, result.parameters["endpoint"]),
        "n": int(sum(row["n"] for row in rows)),
        "events": int(sum(row[events] for row in rows)),
        "interaction_p": None,
        "has_comparator": False,
        **_whom(result.frames[0]),
    }


_MADE = {"predictive": _predictive, "survival": _survival, "outcomes": _outcomes, "biomarker": _biomarker}


def _effect(is_survival, estimate, low, high, p) -> dict:
    """A ratio with its limits; below 1 is better of a hazard, above 1 of a response."""
    means = HigherMeans.NO_DIFFERENCE
    if p is not None and p < LEVEL:
        means = HigherMeans.BETTER if (estimate < 1) == is_survival else HigherMeans.WORSE
    measure = EffectMeasure.HAZARD_RATIO if is_survival else EffectMeasure.ODDS_RATIO
    limits = {"ci_low": _finite(low), "ci_high": _finite(high)}
    return {
        "effect_measure": measure.value,
        "higher_means": means.value,
        "estimate": float(estimate),
        **limits,
        "p_value": _finite(p),
    }


def _finite(value):
    return float(value) if value is not None and math.isfinite(value) else None


def _rows(result) -> dict[str, list[dict]]:
    return {table.name: table.rows for table in result.tables}


def _row(rows, **values):
    return next((row for row in rows if all(row.get(name) == value for name, value in values.items())), None)


def _endpoint(result, name) -> str:
    """Response, as the participants' trials judge it."""
    is_pcr = set(result.frames[0]["response_criteria"]) == {ResponseCriteria.PCR.value}
    return EvidenceEndpoint.PCR.value if name == "response" and is_pcr else name


def _whom(people, treated=None, comparator=None) -> dict:
    """In whom it was found: what all have in common; with a comparator the arm and regimen of the treated."""
    both = people
    if treated is not None:
        both = people[people[["arm", "trial"]].isin([treated, comparator]).any(axis="columns")]
        people = people[people[["arm", "trial"]].isin([treated]).any(axis="columns")]
    found = {name: _only(people[name]) for name in ("arm", "regimen")}
    return found | {name: _only(both[name]) for name in ("trial", "tumor_location")}


def _only(column) -> str | None:
    values = column.unique()
    return str(values[0]) if len(values) == 1 and values[0] == values[0] and values[0] != MASKED else None


# To be submitted


def problems_of(finding, nature: Nature) -> list[tuple[str, str]]:
    """What keeps a finding from being submitted: pairs of a field and what would be right there.

    nature: whether it is confirmatory. The claim "predictive" of an own analysis is not taken from what was typed:
    the report `predictive` is run. Figures that were taken from a report must be those that it gives.
    """
    found = []
    if nature is Nature.EXPLORATORY and finding.cutoff is not None and finding.cutoffs_tried is None:
        found.append(("cutoffs_tried", _("An exploratory finding tells how many cutoffs were tried.")))
    result = None
    if finding.report is not None:
        if stale([finding]):
            return [
                *found,
                ("estimate", _("The data have changed since. Recompute the finding, then submit it.")),
            ]
        result = rerun(finding)
        found += _against(finding, figures_of(result) or {})
    if finding.claim is Claim.PREDICTIVE and finding.source is FindingSource.OWN:
        found += _guarded(finding, result if finding.report == "predictive" else None)
    elif refusal := refused_claim(finding):
        found.append((refusal[0], str(refusal[1])))
    return found


def _against(finding, said) -> list[tuple[str, str]]:
    """Where a finding's figures are others than its report says."""
    return [
        (name, _("The report gives %(number)s.", number=f"{said[name]:.4g}"))
        for name in FIGURES
        if said.get(name) is not None and not agrees(getattr(finding, name), said[name])
    ]


def rounded(figure):
    """A figure as it is told: to four digits."""
    return float(f"{figure:.4g}") if isinstance(figure, float) else figure


def agrees(typed: float | None, computed: float) -> bool:
    """Whether what was typed is what was computed, rounded to the digits typed, of which two at least count."""
    if typed is None or isinstance(computed, int):
        return typed == computed
    digits = len(f"{typed!r}".partition("e")[0].lstrip("-0.").replace(".", ""))
    return float(f"{computed:.{max(digits, 2)}g}") == float(f"{typed:.{max(digits, 2)}g}")


def _guarded(finding, result) -> list[tuple[str, str]]:
    """What the claim guard holds against a finding of an own analysis that claims prediction.

    result: of the report `predictive`, where the finding was made from it.
    """
    if finding.endpoint not in GUARDED:
        return [
            (
                "endpoint",
                _("Prediction is shown for response, progression-free survival or overall survival."),
            )
        ]
    if result is None and finding.assay is None:
        return [("assay", _("Name the assay: the claim guard computes the interaction from its values."))]
    try:
        if result is None or finding.markers_tried > 1:
            result = run_report("predictive", _asked(finding) if result is None else _asked_again(finding))
    except Refusal as refusal:
        field = refusal.field if refusal.field in ("cutoff", "trial", "tumor_location") else "claim"
        return [(field, _("The claim guard could not be asked. %(why)s", why=refusal.message))]
    verdict = MarkerClaim(result.verdict["code"])
    if refusal := refused_by_guard(finding.direction, verdict):
        field, right = refusal
        return [
            (
                field,
                _("The claim guard says: %(text)s %(right)s", text=result.verdict["text"], right=str(right)),
            )
        ]
    computed = _rows(result)["interaction"][0]["p_lrt"]
    if computed is not None and not agrees(finding.interaction_p, computed):
        return [("interaction_p", _("The claim guard computes %(p)s.", p=f"{computed:.3g}"))]
    return []


def _asked(finding) -> list[tuple[str, str]]:
    """What the claim guard is asked about a finding that was typed."""
    asked = {
        "marker": finding.assay.name,
        "cutoff": None if finding.cutoff is None else repr(finding.cutoff),
        "endpoint": GUARDED[finding.endpoint],
        "trial": finding.trial and finding.trial.code,
        "treated": finding.arm and f"{finding.arm.trial.code}/{finding.arm.code}",
        "tumor_location": finding.tumor_location,
        "as_of": finding.data_cutoff and finding.data_cutoff.isoformat(),
        "tried": str(finding.markers_tried),
    }
    return [(name, value) for name, value in asked.items() if value]


def _asked_again(finding) -> list[tuple[str, str]]:
    """What its report was asked, for as many markers as the finding says were tried."""
    pairs = [pair for pair in arguments_of(finding) if pair[0] != "tried"]
    return [*pairs, ("tried", str(finding.markers_tried))]
