"""Why a response is what it is, in words and with the numbers that decided it."""

import math

from babel.numbers import format_decimal
from flask_babel import get_locale
from flask_babel import gettext as _

from tracker.terms.response import LesionRole, ResponseReason

_NEW = [LesionRole.NEW_MEASURED.value, LesionRole.NEW_NOT_MEASURED.value]


def response_reasons(assessment, lesions, show_date=str) -> list[str]:
    """The sentences that say why an assessment has its response; of progression, every ground for it.

    assessment: a row of `Responses.assessments`. lesions: its rows of `Responses.lesions`, each as a dictionary, with
    the role, label and place of each lesion. show_date: how a date is written.
    """
    reason = assessment["reason"]
    if reason in (ResponseReason.BEFORE_BASELINE, ResponseReason.NO_DISEASE):
        return [str(ResponseReason(reason).label) + "."]
    if reason == ResponseReason.BASELINE:
        return _of_baseline(assessment)
    if assessment["response"] == "PD":
        return _of_progression(assessment, lesions, show_date)
    if reason == ResponseReason.NO_BASELINE:
        return [_("There is no baseline to compare with.")]
    return _of_other(assessment, lesions, show_date)


def _of_baseline(assessment):
    said = [_("Baseline.")]
    if assessment["sum_complete"]:
        said = [_("Baseline: the sum is %(sum)s.", sum=_mm(assessment["sum_mm"]))]
    if assessment["baseline_old"]:
        said.append(_("It is more than 28 days older than the first dose."))
    if assessment["baseline_incomplete"]:
        said.append(
            _("A target lesion was not measured, so that later sums have nothing to be compared with.")
        )
    return said


def _of_progression(assessment, lesions, show_date):
    said = []
    appeared = [one for one in lesions if one["role"] in _NEW and one["appeared"]]
    if appeared:
        said.append(_("New: %(lesions)s.", lesions=_names(appeared)))
    elif assessment["new_lesion"]:
        said.append(_("A lesion that was new earlier has not been recorded as absent."))
    again = [one for one in lesions if one["reappeared"]]
    if again:
        said.append(_("Disease again after a complete response: %(lesions)s.", lesions=_names(again)))
    progressed = [one for one in lesions if one["role"] == LesionRole.NON_TARGET and one["progressed"]]
    if progressed:
        said.append(_("Unequivocal progression of %(lesions)s.", lesions=_names(progressed)))
    if assessment["target"] == "PD" and LesionRole.TARGET not in [one["role"] for one in again]:
        growth = {
            "sum": _mm(assessment["sum_mm"]),
            "percent": _percent(assessment["sum_mm"] / assessment["nadir_sum_mm"] - 1)
            if assessment["nadir_sum_mm"]
            else "∞",
            "more": _mm(assessment["sum_mm"] - assessment["nadir_sum_mm"]),
            "nadir": _mm(assessment["nadir_sum_mm"]),
            "date": show_date(assessment["nadir_on"]),
        }
        said.append(
            _(
                "The sum of %(sum)s is %(percent)s and %(more)s above the nadir of %(nadir)s on %(date)s.",
                **growth,
            )
        )
        missing = _missing_targets(lesions)
        if missing:
            said.append(_("That is without %(lesions)s, not evaluated.", lesions=_names(missing)))
    return said


def _of_other(assessment, lesions, show_date):
    reason = assessment["reason"]
    other = [one for one in lesions if one["role"] == LesionRole.NON_TARGET]
    if reason == ResponseReason.TARGET_NOT_EVALUATED:
        missing = _missing_targets(lesions)
        if not missing:
            return [_("The baseline lacks a target lesion, so that the sum has nothing to be compared with.")]
        return [_("Target lesions not evaluated: %(lesions)s.", lesions=_names(missing))]
    if reason == ResponseReason.ALL_GONE:
        return [_("All lesions are gone; nodes are below 10 mm.")]
    if reason in (ResponseReason.TARGET_SHRANK, ResponseReason.TARGET_STABLE):
        numbers = {
            "sum": _mm(assessment["sum_mm"]),
            "change": _change(assessment["change_from_baseline"]),
            "baseline": _mm(assessment["baseline_sum_mm"]),
        }
        said = [_("The sum is %(sum)s: %(change)s against the baseline of %(baseline)s.", **numbers)]
        if assessment["sum_mm"] > assessment["nadir_sum_mm"]:
            nadir = {
                "change": _change(assessment["change_from_nadir"]) if assessment["nadir_sum_mm"] else "∞",
                "more": _mm(assessment["sum_mm"] - assessment["nadir_sum_mm"]),
                "nadir": _mm(assessment["nadir_sum_mm"]),
                "date": show_date(assessment["nadir_on"]),
            }
            said.append(
                _("Against the nadir of %(nadir)s on %(date)s it is %(change)s, %(more)s more.", **nadir)
            )
        return said
    said = [_("All target lesions are gone.")] if reason == ResponseReason.TARGET_GONE else []
    unseen, left = [one for one in other if not one["evaluated"]], [one for one in other if one["seen"]]
    if unseen:
        said.append(_("Non-target lesions not evaluated: %(lesions)s.", lesions=_names(unseen)))
    if left:
        said.append(
            _(
                "Non-target lesions still there, without unequivocal progression: %(lesions)s.",
                lesions=_names(left),
            )
        )
    return said


def best_response_reason(best, kind, minimum_sd_days, show_date=str) -> str:
    """The sentence that says which assessments made a best overall response.

    best: a row of `best_responses`; kind: unconfirmed or confirmed.
    """
    response = best[f"best_{kind}"]
    if not isinstance(response, str):
        return _("No assessment after baseline.")
    day = show_date(best[f"best_{kind}_on"])
    if response in ("CR", "PR"):
        if kind == "confirmed":
            later = show_date(best["confirmed_by_on"])
            return _(
                "%(response)s on %(date)s, confirmed on %(later)s.", response=response, date=day, later=later
            )
        return _("%(response)s on %(date)s.", response=response, date=day)
    if response == "PD":
        return _("PD on %(date)s, before any better response counted.", date=day)
    if response == "NE":
        return _(
            "No assessment could be evaluated at least %(days)s days after the start.",
            days=int(minimum_sd_days),
        )
    if kind == "confirmed" and best["best_unconfirmed"] in ("CR", "PR"):
        first = best["best_unconfirmed"], show_date(best["best_unconfirmed_on"])
        return _("%(better)s on %(date)s was not confirmed.", better=first[0], date=first[1])
    return _(
        "%(response)s on %(date)s, at least %(days)s days after the start.",
        response=response,
        date=day,
        days=int(minimum_sd_days),
    )


def _missing_targets(lesions):
    return [one for one in lesions if one["role"] == LesionRole.TARGET and math.isnan(one["counted_mm"])]


def _names(lesions):
    return ", ".join(
        _("%(label)s (%(place)s)", label=lesion["label"], place=lesion["place"]) for lesion in lesions
    )


def _mm(value):
    return _("%(number)s mm", number=_written(value, "0.#"))


def _percent(fraction):
    return _("%(number)s%%", number=_written(100 * fraction, "0.0"))


def _change(fraction):
    return _("%(number)s%%", number=_written(100 * fraction, "+0.0;−0.0"))


def _written(number, pattern):
    """A number as the reader's language writes it."""
    return format_decimal(number, pattern, locale=get_locale() or "en")
