"""Parts of the ledger of combinations for progression-free survival, and for arms of one randomised trial."""

import functools

import numpy as np
import pandas as pd
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.charts.drug_action import drug_action
from tracker.forms.report import value_label
from tracker.reports.base import Figure, Table
from tracker.reports.columns import Shown, percent, shown_count, shown_group, shown_text, written
from tracker.reports.survival import shown_p
from tracker.rules.combination import FEW
from tracker.stats.combination import component_tests, drug_action_expected
from tracker.stats.proportions import miettinen_nurminen_difference
from tracker.stats.survival import cox, survival_at

#: Participants with a known time, in the combination and in each arm of a single agent.
LEAST = 10

#: Months of the table, and the most points of the figure's curves.
MONTHS = [3.0, 6.0, 9.0, 12.0, 18.0, 24.0, 36.0]
POINTS = 60

_COLUMNS = [
    *("regimen", "tumor_location", "month", "at_risk", "observed", "observed_low", "observed_high"),
    *("expected", "expected_low", "expected_high", "expected_rho_0", "expected_rho_05", "position"),
]

_METHOD = [
    _l(
        "Independent drug action: everybody has the time of their better agent, S = P(max(T) > t); the times are joined"
        " by a Gaussian copula with Spearman's correlation 0.3 (r = 2 sin(π ρ/6)), shown between 0 and 0.5"
        " (Palmer and Sorger, Cell 2017;171:1678-1691). Limits of the expected: percentiles of 400 draws of"
        " participants within each arm. Observed: Kaplan-Meier, limits log-log, 95 %."
    ),
    _l(
        "Above: the lower limit of the observed is above what is expected without correlation; that is more than"
        " independent action, and no proof of synergy. Below: its upper limit is below what is expected with 0.5."
    ),
]


def _times(people, group) -> pd.DataFrame:
    """Months and event of those of a group whose progression-free survival is known."""
    if group.members is None:
        return pd.DataFrame({"months": [], "event": []})
    part = people.loc[group.members]
    part = part[part["pfs_months"].notna() & part["pfs_event"].notna()]
    return part.assign(months=part["pfs_months"].astype(float), event=part["pfs_event"].astype(bool))


def drug_action_parts(entries, people) -> tuple[Table, Figure | None]:
    """Independent drug action of every line with enough own curves, and the figure of the largest of them."""
    frames, drawn, largest = [], None, 0
    for entry in entries:
        groups = [_times(people, group) for group in (entry.observed, *entry.components)]
        if entry.missing or min(len(part) for part in groups) < LEAST:
            continue
        observed, *alone = groups
        frames.append(_at_months(entry, observed, alone))
        if len(observed) > largest:
            largest, drawn = len(observed), (entry, observed, alone)
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=_COLUMNS)
    notes = [
        _l(
            "Own participants only, in lines where the combination and each component have 10 with a known time."
        ),
        _l(
            "Nothing is said beyond the shortest follow-up of the arms. The scan schedules must match to compare."
        ),
    ]
    table = Table(
        "pfs",
        _l("Progression-free survival beside independent drug action"),
        frame,
        shown=_SHOWN_PFS,
        notes=notes,
        method=_METHOD,
    )
    return table, _figure(*drawn) if drawn else None


def _expected(observed, alone, months) -> tuple[pd.DataFrame, object]:
    arms = [(part["months"].to_numpy(), part["event"].to_numpy()) for part in alone]
    return (
        survival_at(observed["months"], observed["event"], months),
        drug_action_expected(arms, months),
    )


def _at_months(entry, observed, alone) -> pd.DataFrame:
    end = min(float(part["months"].max()) for part in (observed, *alone))
    months = [month for month in MONTHS if month <= end]
    if not months:
        return pd.DataFrame(columns=_COLUMNS)
    seen, expected = _expected(observed, alone, months)
    low, high = seen["low"].to_numpy(), seen["high"].to_numpy()
    position = np.select(
        [low > expected.if_weakest, high < expected.if_strongest], ["above", "below"], "within"
    )
    return pd.DataFrame(
        {
            "regimen": entry.regimen,
            "tumor_location": entry.tumor_location,
            "month": seen["time"],
            "at_risk": seen["at_risk"],
            "observed": seen["survival"],
            "observed_low": low,
            "observed_high": high,
            "expected": expected.expected,
            "expected_low": expected.low,
            "expected_high": expected.high,
            "expected_rho_0": expected.if_weakest,
            "expected_rho_05": expected.if_strongest,
            "position": position,
        }
    )


def _figure(entry, observed, alone) -> Figure:
    end = min(float(part["months"].max()) for part in (observed, *alone))
    months = np.linspace(0, end, POINTS)
    seen, expected = _expected(observed, alone, months)
    data = pd.DataFrame(
        {
            "month": months,
            "observed": seen["survival"],
            "observed_low": seen["low"],
            "observed_high": seen["high"],
            "expected": expected.expected,
            "expected_low": expected.low,
            "expected_high": expected.high,
            "expected_rho_0": expected.if_weakest,
            "expected_rho_05": expected.if_strongest,
        }
    )
    agents = [group.name for group in entry.components]
    for agent, part in zip(agents, alone):
        data[agent] = survival_at(part["months"], part["event"], months)["survival"]
    place = value_label("tumor_location", entry.tumor_location)
    title = _l("Progression-free survival of %(regimen)s, %(place)s", regimen=entry.regimen, place=place)
    return Figure("pfs", title, data, functools.partial(_draw, agents=agents))


def _draw(data, *, agents, **layout):
    label = _("Progression-free survival")
    return drug_action(data, agents=agents, estimate_label=label, percent=percent, **layout)


def component_tests_table(entries, people) -> Table:
    """Is the combination better than each component, where arms of one randomised trial tell?"""
    rows = []
    for entry in entries:
        if entry.observed.members is None or entry.missing:
            continue
        combined = people.loc[entry.observed.members]
        for trial in sorted(combined.loc[combined["randomised"], "trial"].unique()):
            arms = [combined[combined["trial"] == trial]]
            for group in entry.components:
                members = people.loc[group.members] if group.members is not None else people[:0]
                arms.append(members[members["trial"] == trial])
            names = [group.name for group in entry.components]
            about = [entry.regimen, entry.tumor_location, trial]
            rows += [[*about, *row] for row in (*_response_tests(names, arms), *_pfs_tests(names, arms))]
    columns = ["regimen", "tumor_location", "trial", "endpoint", "component", "measure"]
    columns += ["estimate", "low", "high", "p"]
    return Table(
        "tests",
        _l("Tests against each component"),
        pd.DataFrame(rows, columns=columns),
        shown=_SHOWN_TESTS,
        notes=[
            _l("Arms of the same randomised trial only, with 5 participants or more (progression-free survival: 10)."),
            _l("To be better than every component, a combination must beat the one that is hardest to beat: the"
               " largest p counts."),
        ],
        method=[
            _l("Response: difference with Miettinen and Nurminen's limits, p by chi-square without correction."
               " Progression-free survival: hazard ratio (Cox, ties by Efron, stratified by cohort), p by Wald."
               " Intersection-union test: p of all = the largest (Berger, Technometrics 1982;24:295-300)."),
        ],
    )  # fmt: skip


def _response_tests(names, arms):
    combined, *others = [(int(arm["responded"].sum()), len(arm)) for arm in arms]
    if min(n for _x, n in (combined, *others)) < FEW:
        return
    tested = component_tests(*combined, others)
    gains = []
    for name, (x, n), p in zip(names, others, tested.each):
        low, high = miettinen_nurminen_difference(*combined, x, n)
        gains.append(combined[0] / combined[1] - x / n)
        yield ["response", name, "difference", gains[-1], float(low), float(high), p]
    yield ["response", None, "difference", min(gains), np.nan, np.nan, tested.p]


def _pfs_tests(names, arms):
    known = [arm[arm["pfs_months"].notna() & arm["pfs_event"].notna()] for arm in arms]
    if min(map(len, known)) < LEAST:
        return
    combined, *others = known
    fits = []
    for name, other in zip(names, others):
        both = pd.concat([combined, other])
        strata = both["cohort"].fillna("")
        is_combined = np.arange(len(both)) < len(combined)
        fit = cox(both["pfs_months"], both["pfs_event"].astype(bool), is_combined, strata=strata)
        fits.append(fit)
        yield ["pfs", name, "HR", fit.hr, fit.low, fit.high, fit.p_wald]
    yield ["pfs", None, "HR", max(fit.hr for fit in fits), np.nan, np.nan, max(fit.p_wald for fit in fits)]


def _fraction_with_limits(name, label, explanation=""):
    def text(row):
        return "—" if row[name] is None else percent(row[name])

    def detail(row):
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        if low is None or high is None:
            return ""
        return "({}–{})".format(*(written(100 * limit, "0.0") for limit in (low, high)))

    return Shown(label, text, explanation, detail, fractions=(name, f"{name}_low", f"{name}_high"))


_POSITIONS = {"above": _l("above the band"), "below": _l("below the band"), "within": _l("not outside it")}

_SHOWN_PFS = {
    "regimen": shown_group("regimen"),
    "tumor_location": shown_group("tumor_location"),
    "month": Shown(_l("Month"), lambda row: written(row["month"], "0.##")),
    "at_risk": shown_count("at_risk", _l("At risk")),
    "observed": _fraction_with_limits("observed", _l("Observed (95% CI)")),
    "expected": _fraction_with_limits("expected", _l("Expected (95% CI)"), _l("Correlation 0.3")),
    "band": Shown(
        _l("Band"),
        lambda row: (
            "–".join(written(100 * row[name], "0.0") for name in ("expected_rho_05", "expected_rho_0"))
            if row["expected_rho_0"] is not None
            else "—"
        ),
        _l("Expected with a correlation of 0.5 to 0, in %"),
        fractions=("expected_rho_0", "expected_rho_05"),
    ),
    "position": Shown(
        _l("Observed is"),
        lambda row: str(_POSITIONS[row["position"]]),
        _l("Beside the band"),
        is_number=False,
    ),
}


def _shown_estimate(row):
    if row["estimate"] is None:
        return "—"
    if row["measure"] == "HR":
        return _("HR %(ratio)s", ratio=written(row["estimate"], "0.00"))
    return _("%(points)s points", points=written(100 * row["estimate"], "+0.0;−0.0"))


def _shown_estimate_limits(row):
    if row["low"] is None or row["high"] is None:
        return ""
    factor, digits = (1, "0.00") if row["measure"] == "HR" else (100, "+0.0;−0.0")
    low, high = (written(factor * row[name], digits) for name in ("low", "high"))
    return _("(%(low)s to %(high)s)", low=low, high=high)


_SHOWN_TESTS = {
    "regimen": shown_group("regimen"),
    "tumor_location": shown_group("tumor_location"),
    "trial": shown_text("trial", _l("Trial")),
    "endpoint": Shown(
        _l("Endpoint"),
        lambda row: _("Response") if row["endpoint"] == "response" else _("PFS"),
        is_number=False,
    ),
    "component": Shown(
        _l("Against"), lambda row: row["component"] or _("every component"), is_number=False, is_prose=True
    ),
    "estimate": Shown(_l("Estimate (95% CI)"), _shown_estimate, detail=_shown_estimate_limits),
    "p": Shown(_l("p"), lambda row: shown_p(row["p"])),
}
