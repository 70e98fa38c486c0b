"""Outcomes: objective response, disease control, clinical benefit and pathological complete response."""

import functools

import numpy as np
import pandas as pd
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.charts.forest import ForestRow, forest
from tracker.forms.report import GROUPINGS, ChoiceField, GroupingField, LandmarkForm, value_label
from tracker.reads.outcome import outcomes_frame
from tracker.reports.base import Figure, Result, Table, in_order, report
from tracker.reports.columns import FEW, percent, shown_count, shown_group, shown_rate
from tracker.reports.response import is_counted, unrecorded_notes
from tracker.stats.proportions import clopper_pearson
from tracker.terms.participant import BestResponse
from tracker.terms.trial import Setting

#: Groups that the figure has room for.
DRAWN = 40

_COUNTS = ["n", "responders", "cr", "pr", "sd", "pd", "ne", "pending", "derived", "reported"]
_DCR, _CBR = ["dcr", "dcr_low", "dcr_high"], ["cbr", "cbr_low", "cbr_high"]
_CATEGORIES = ["cr", "pr", "sd", "pd", "ne"]
COLUMNS = ["n", "responders", "orr", "orr_low", "orr_high", *_DCR, *_CBR, *_CATEGORIES]
COLUMNS += ["pending", "derived", "reported"]

_SHOWN = {
    "dcr": shown_rate("dcr", _l("DCR (95% CI)"), _l("Disease control rate: response or stable disease")),
    "cbr": shown_rate(
        "cbr", _l("CBR (95% CI)"), _l("Clinical benefit rate: response or lasting stable disease")
    ),
    "cr": shown_count("cr", _l("CR"), _l("Complete response")),
    "pr": shown_count("pr", _l("PR"), _l("Partial response")),
    "sd": shown_count("sd", _l("SD"), _l("Stable disease")),
    "pd": shown_count("pd", _l("PD"), _l("Progressive disease")),
    "ne": shown_count("ne", _l("NE"), _l("Not evaluable, or no response on record")),
    "pending": shown_count("pending", _l("Pending"), _l("Treated too recently to be assessed; not in n")),
    "derived": shown_count("derived", _l("Derived"), _l("Outcome derived from assessments")),
    "reported": shown_count("reported", _l("Reported"), _l("Outcome as the source reports it")),
}


class OutcomesForm(LandmarkForm):
    by = GroupingField(_l("Groups"), GROUPINGS)
    endpoint = ChoiceField(
        _l("Endpoint"),
        {"response": _l("Objective response"), "pcr": _l("Pathological complete response")},
        default="response",
    )
    response = ChoiceField(
        _l("Responses"),
        {"confirmed": _l("Confirmed"), "unconfirmed": _l("Unconfirmed too")},
        open=_l("By trial design"),
    )
    population = ChoiceField(
        _l("Population"), {"treated": _l("Treated"), "evaluable": _l("Response-evaluable")}, default="treated"
    )

    @property
    def counted(self):
        """A pathological complete response is found at surgery, which has no day here."""
        return "response" if self.endpoint.data == "response" else None

    @property
    def preferred_setting(self):
        return Setting.NEOADJUVANT if self.endpoint.data == "pcr" else Setting.ADVANCED


@report(
    "outcomes",
    title=_l("Outcomes"),
    about=_l("How many respond: response, disease control, clinical benefit, by one or two groupings."),
    form=OutcomesForm,
    reads=[outcomes_frame],
)
def build(participants, by=(), endpoint="response", response=None, population="treated"):
    """Response by group; n: treated participants whose first assessment was due, or the evaluable of them.

    A responder has CR or PR (RECIST 1.1), or is one by the source's word; for pcr, has a pathological
    complete response. Who has no response on record is none; a trial that records none of anybody is left out.
    response: which derived responses count; a reported one counts as recorded. Without it, confirmed ones count,
    and unconfirmed ones in a randomised trial.
    """
    by = list(by)
    participants = _chosen(participants, response)
    counts = _counts(participants, endpoint, population)
    rows = _rates(_summed(counts, participants, by), endpoint)
    total = _rates(_summed(counts, participants, []), endpoint) if by else rows
    has_total = participants["setting"].nunique() < 2
    shown = _shown(endpoint, population)
    cards = ["n", "responders", "orr", "pending"] if has_total else ["n", "responders", "pending"]
    groups = by or ["group"]
    table = Table(
        "response",
        _l("Pathological complete response") if endpoint == "pcr" else _l("Response"),
        rows[[*groups, *COLUMNS]],
        shown={name: shown_group(name) for name in groups}
        | {name: column for name, column in shown.items() if _tells(rows[name])},
        notes=_notes(rows, participants, by, endpoint, population, response),
    )
    return Result(
        tables=[table],
        figures=[_forest(rows, groups, total if has_total and by else None, endpoint, population)],
        headline=Table("total", _l("All groups together"), total, {name: shown[name] for name in cards}),
        sentence=LazyString(_sentence, total.iloc[0], has_total, endpoint),
    )


def _chosen(participants, response) -> pd.DataFrame:
    """The participants with the best responses that were asked for."""
    if response is None:
        return participants
    return participants.assign(
        best_response=participants[f"best_{response}"], clinical_benefit=participants[f"benefit_{response}"]
    )


def _counts(participants, endpoint, population) -> pd.DataFrame:
    """What each participant adds to the counts of a group: true or false."""
    terms = [one.value for one in BestResponse]
    responses = pd.Categorical(participants["best_response"], terms).codes  # -1 where there is none
    best = {term: responses == place for place, term in enumerate(terms)}
    treated, pending = _is_true(participants["treated"]), _is_true(participants["pending"])
    if endpoint == "pcr":
        responded, known = _is_true(participants["pcr"]), participants["pcr"].notna().to_numpy()
    else:
        responded, known = best["CR"] | best["PR"] | best["responder"], (responses >= 0) & ~best["NE"]
    counted = treated & ~pending
    if endpoint == "response":
        counted = _is_true(is_counted(participants))
    if population == "evaluable":
        counted = counted & known
    benefit = participants["clinical_benefit"]
    is_untold = benefit.isna().to_numpy()
    adds = {
        "responders": responded,
        "cr": best["CR"],
        "pr": best["PR"],
        "sd": best["SD"],
        "pd": best["PD"],
        "ne": best["NE"] | (responses < 0),
        "unspecified": best["responder"] | best["non-responder"],
        "benefit": _is_true(benefit) | (is_untold & responded),
        "benefit_told": ~is_untold | best["CR"] | best["PR"] | best["PD"],
        "derived": (participants["source"] == "derived").to_numpy(),
        "reported": (participants["source"] == "reported").to_numpy(),
        "non_target_only": _is_true(participants["non_target_only"]),
    }
    adds = {"n": counted, "pending": treated & pending} | {name: counted & one for name, one in adds.items()}
    return pd.DataFrame(np.column_stack(list(adds.values())), participants.index, list(adds))


def _is_true(column) -> np.ndarray:
    """Where a yes-or-no column that may be missing says yes."""
    return column.to_numpy(dtype=bool, na_value=False)


def _summed(counts, participants, by) -> pd.DataFrame:
    """Counts by group, a row each; without groupings one row for all."""
    if not by:
        return counts.sum().to_frame().T.assign(group="all")
    summed = counts.groupby([participants[name] for name in by], dropna=False, sort=False).sum()
    return in_order(summed.reset_index(), by)


def _rates(counts, endpoint) -> pd.DataFrame:
    """The counts with their rates and exact limits; missing where the data do not tell."""
    of = {name: counts[name].to_numpy() for name in (*_COUNTS, "unspecified", "benefit", "benefit_told")}
    n, is_response = of["n"], endpoint == "response"
    is_specified = is_response & (of["unspecified"] == 0)
    rates = {}
    for name, x, is_told in (
        ("orr", of["responders"], n >= 0),
        ("dcr", of["cr"] + of["pr"] + of["sd"], is_specified),
        ("cbr", of["benefit"], is_response & (of["benefit_told"] > 0)),
    ):
        rate = np.divide(x, n, out=np.full(len(n), np.nan), where=n > 0)
        for end, values in zip(("", "_low", "_high"), (rate, *clopper_pearson(x, n))):
            rates[name + end] = np.where(is_told, values, np.nan)
    untold = {name: ~is_specified if name in _CATEGORIES else n < 0 for name in _COUNTS}
    whole = {name: pd.arrays.IntegerArray(of[name], untold[name]) for name in _COUNTS}
    return counts.assign(**whole, **rates)


def _shown(endpoint, population):
    """How the columns of numbers are printed, in their order."""
    counted = _l("Evaluable") if population == "evaluable" else _l("Treated")
    orr = shown_rate("orr", _l("ORR (95% CI)"), _l("Objective response rate: complete or partial response"))
    pcr = shown_rate("orr", _l("pCR (95% CI)"), _l("Pathological complete response rate"))
    return {
        "n": shown_count("n", counted, _l("Participants in the denominator")),
        "responders": shown_count("responders", _l("Responders")),
        "orr": pcr if endpoint == "pcr" else orr,
        **_SHOWN,
    }


def _tells(column) -> bool:
    """Whether a page needs the column: not where nothing is known of it, or nobody counts in it."""
    if column.name in ("pending", "derived", "reported"):
        return bool(column.any())
    return column.name in ("n", "responders", "orr") or bool(column.notna().any())


def _denominator(endpoint, population):
    if population == "evaluable" and endpoint == "pcr":
        return _l("n: treated participants whose pathological response is on record.")
    if population == "evaluable":
        return _l("n: treated participants with an evaluable best response.")
    if endpoint == "pcr":
        return _l(
            "n: treated participants; who has no pathological response on record counts as having none."
        )
    return _l("n: treated participants; who has no response on record counts as a non-responder.")


def _notes(rows, participants, by, endpoint, population, response) -> list:
    notes = [_denominator(endpoint, population), _l("Limits: Clopper-Pearson, 95 %.")]
    if endpoint == "pcr":
        notes.append(
            _l("The orr columns hold the rate of pathological complete response; others do not apply.")
        )
    else:
        notes += [*unrecorded_notes(participants), *_counting_rules(rows, response)]
    if endpoint == "response" and rows["unspecified"].any():
        notes.append(
            _l(
                "Where a source tells only responder or non-responder, disease control and the categories of"
                " best response are not known."
            )
        )
    told = rows[rows["cbr"].notna()]
    if untold := int((told["n"] - told["benefit_told"]).sum()):
        notes.append(
            _l(
                "Participants of whom neither clinical benefit nor a response that tells it is recorded:"
                " %(n)d; they count as without.",
                n=untold,
            )
        )
    if untreated := int((~participants["treated"]).sum()):
        notes.append(_l("Participants without a first dose: %(n)d; they are not counted.", n=untreated))
    if pending := int(rows["pending"].sum()):
        notes.append(
            _l(
                "Pending participants, whose first dose was too recent for a first assessment: %(n)d; they"
                " are in no denominator.",
                n=pending,
            )
        )
    if rows["n"].between(1, FEW - 1).any():
        notes.append(_l("Too few: of 1 to 4 participants only x/n and the limits are shown, no percentage."))
    if "cohort" in by and "trial" not in by and _shares_names(participants):
        notes.append(_l("Cohorts of different trials that bear one name are counted together."))
    return notes


def _counting_rules(rows, response) -> list:
    """Which responses count, derived and reported."""
    notes = []
    if rows["derived"].any() and response == "unconfirmed":
        notes.append(
            _l("Derived from assessments by RECIST 1.1; responses count whether or not they were confirmed.")
        )
    elif rows["derived"].any() and response == "confirmed":
        notes.append(
            _l("Derived from assessments by RECIST 1.1; responses count when confirmed 28 days later.")
        )
    elif rows["derived"].any():
        notes.append(
            _l(
                "Derived from assessments by RECIST 1.1; responses count when confirmed 28 days later, and unconfirmed"
                " ones too in randomised trials and where the protocol needs no confirmation."
            )
        )
    if rows["derived"].any():
        notes.append(
            _l("Clinical benefit: response, or without progression at an assessment from 24 weeks on.")
        )
    if rows["reported"].any():
        notes.append(_l("Reported responses count as recorded, whether or not they were confirmed."))
    if rows["derived"].any() and rows["reported"].any():
        numbers = {name: int(rows[name].sum()) for name in ("derived", "reported")}
        notes.append(_l("Outcomes derived: %(derived)d; as reported: %(reported)d.", **numbers))
    if neither := int(rows["non_target_only"].sum()):
        notes.append(
            _l(
                "Without target lesions and neither CR nor PD: %(n)d; they count as stable disease.",
                n=neither,
            )
        )
    return notes


def _shares_names(participants) -> bool:
    """Whether cohorts of different trials bear one name."""
    return bool((participants.groupby("cohort")["trial_id"].nunique() > 1).any())


def _forest(rows, groups, total, endpoint, population) -> Figure:
    """The rate of each group. total: a row of all, whose rate is drawn as a line unless they are too few."""
    overall = total["orr"].iloc[0] if total is not None and total["n"].iloc[0] >= FEW else None
    draw = functools.partial(
        _draw,
        groups=groups,
        reference=overall,
        estimate_label=_l("pCR (95% CI)") if endpoint == "pcr" else _l("ORR (95% CI)"),
        count_label=_l("responders/evaluable") if population == "evaluable" else _l("responders/treated"),
    )
    title = _l("Pathological complete response rate") if endpoint == "pcr" else _l("Objective response rate")
    return Figure("forest", title, rows[[*groups, "responders", "n", "orr", "orr_low", "orr_high"]], draw)


def _draw(data, *, groups, estimate_label, count_label, **layout):
    largest = data["n"].sort_values(ascending=False, kind="stable").index[:DRAWN]
    rows = [
        ForestRow(
            " · ".join(value_label(name, row[name]) for name in groups),
            *(row[name] for name in ("responders", "n", "orr", "orr_low", "orr_high")),
        )
        for row in data[data.index.isin(largest)].to_dict("records")
    ]
    labels = {"estimate_label": str(estimate_label), "count_label": str(count_label)}
    return forest(rows, **labels, percent=percent, **layout)


def _sentence(total, has_total, endpoint) -> str:
    """What all groups together say, in words that need no statistics."""
    if total["n"] == 0:
        return _("No participant can be counted, so there is no rate.")
    if not has_total:
        return _("The groups are of different settings, so there is no rate of all of them together.")
    x, n = total["responders"], total["n"]
    if endpoint == "pcr":
        said = _("%(x)s of %(n)s participants had a pathological complete response.", x=x, n=n)
    else:
        said = _("%(x)s of %(n)s participants responded.", x=x, n=n)
    if n < FEW:
        return " ".join([said, _("That is too few to speak of a rate.")])
    concluded = _(
        "That is %(rate)s; the data agree with any true rate from %(low)s to %(high)s.",
        rate=percent(total["orr"]),
        low=percent(total["orr_low"]),
        high=percent(total["orr_high"]),
    )
    return f"{said} {concluded}"
