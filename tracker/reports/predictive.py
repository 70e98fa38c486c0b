"""The claim guard: whether a marker is shown to predict what a treatment does, and what may be said of it."""

import functools
import types
from typing import NamedTuple

import numpy as np
import pandas as pd
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.charts.ratios import RatioRow, ratios
from tracker.forms.report import (
    ChoiceField,
    CountField,
    GroupField,
    LandmarkForm,
    MarkerField,
    one_of,
    value_label,
)
from tracker.reads.biomarker import assigning_assays_frame
from tracker.reads.outcome import outcomes_frame
from tracker.reads.participant import MASKED
from tracker.reports.base import Figure, Result, Table, report
from tracker.reports.columns import Shown, shown_count, shown_text, written
from tracker.reports.effects import (
    STATUSES,
    effects_by_status,
    interaction_by_status,
    main_effects,
    qualitative_p,
)
from tracker.reports.known import with_known_marker, with_known_outcome
from tracker.reports.robustness import continuous_interaction, of_tried, others_tried
from tracker.reports.survival import COMPARATORS, shown_p
from tracker.rules.claims import RULE, TEXTS, Cell, Cells, claim, is_enough, why_unassessable
from tracker.terms.biomarker import MarkerClaim, MarkerStatus, Unassessable
from tracker.terms.trial import ArmType, ResponseCriteria

_BY_STATUS, _INTERACTION = _l("Effect of treatment by status"), _l("Interaction of treatment and marker")


class Others(NamedTuple):
    """The markers that were tried besides: of `others_tried`, and how many were in all, as stated."""

    frame: pd.DataFrame
    stated: int | None


class PredictiveForm(LandmarkForm):
    endpoint = ChoiceField(
        _l("Endpoint"),
        {
            "response": _l("Response"),
            "pfs": _l("Progression-free survival"),
            "os": _l("Overall survival"),
        },
        default="response",
    )
    treated = GroupField(_l("Treated"))
    comparator = GroupField(_l("Comparator"))

    def choose(self, values):
        """Participants of other trials than the named ones are left out, so that no setting of theirs counts."""
        named = [field for field in (self.treated, self.comparator) if field.data]
        for field in (self.treated, self.comparator):
            field.find = lambda: [*values("trial"), *values("arm")]
        for field in named:
            if field.data not in field.names:
                field.process_errors.append(one_of(field.names))
        self._refuse_faults()
        if named and not self.trial.data:
            trials = values("trial")
            self.trial.data = [
                trial
                for trial in trials
                if any(one.data == trial or one.data.startswith(f"{trial}/") for one in named)
            ]
        super().choose(values)

    marker = MarkerField(_l("Marker"), several=True)
    tried = CountField(_l("Markers tried"), description="1")

    uses_marker = True

    @property
    def arguments(self) -> dict:
        return super().arguments | {"marker": self.marker.data, "also": self.marker.columns}


@report(
    "predictive",
    title=_l("Predictive marker"),
    about=_l("Whether a treatment works better where a marker is positive, and what may be said about it."),
    form=PredictiveForm,
    reads=[outcomes_frame, assigning_assays_frame],
)
def build(
    participants,
    assigned,
    endpoint="response",
    treated=None,
    comparator=None,
    marker=None,
    tried=None,
    also=types.MappingProxyType({}),
):
    """Effects of treatment by status, their ratio, and a verdict.

    assigned: of `assigning_assays_frame`. treated, comparator: an arm or a trial; chosen by rule where not given.
    tried: how many markers were; also: the others of them that are named, with the column of each one's status.
    """
    if marker is None:
        return _empty(_("Choose a marker: an assay whose baseline value tells participants apart."))
    treated, comparator = compared_groups(participants, treated, comparator)
    is_treated, is_comparator = is_in(participants, treated), is_in(participants, comparator)
    overlaps = bool((is_treated & is_comparator).any())
    both = participants.assign(is_treated=is_treated)[is_treated | is_comparator]
    told, of_outcome = with_known_outcome(both, endpoint)
    known, of_marker = with_known_marker(told)
    notes = [*_groups(treated, comparator), *of_outcome, *of_marker]
    cells = _cells(known)
    reason = _reason(participants, both, cells, assigned, endpoint, [treated, comparator], marker)
    if overlaps:
        reason = Unassessable.OVERLAP
    others = others_tried(told, also, endpoint != "response")
    result = _result(cells, known, endpoint, reason, notes, Others(others, tried))
    result.chosen = {
        "trial": sorted(both["trial"].unique()),
        "treated": treated,
        "comparator": comparator,
    }
    return result


def compared_groups(participants, treated, comparator) -> tuple[str | None, str | None]:
    """The two groups: of a trial with an arm to compare with that arm, and the largest of its others.

    A comparator that is not named is sought in the trial of the treated arm; without any everybody is treated.
    """
    people = participants[participants["arm"].notna() & (participants["arm"] != MASKED)]
    if treated and "/" in treated and treated in set(people["arm"]):
        people = people[people["trial"] == people.loc[people["arm"] == treated, "trial"].iloc[0]]
    elif treated:
        people = people[:0]
    if comparator is None:
        found = people[
            (people["arm"] != treated) & people["arm_type"].isin([kind.value for kind in COMPARATORS])
        ]
        comparator = _largest(found, "arm")
    if treated is None and comparator is not None:
        trials = people.loc[people["arm"] == comparator, "trial"]
        others = people[(people["arm"] != comparator) & people["trial"].isin(trials)]
        experimental = others[others["arm_type"] == ArmType.EXPERIMENTAL.value]
        treated = _largest(experimental if len(experimental) else others, "arm")
    if treated is None:
        treated = _largest(participants[participants["trial"] != comparator], "trial")
    return treated, comparator


def _largest(people, name) -> str | None:
    """The group with the most participants whose marker is known; of equal ones the larger."""
    if people.empty:
        return None
    known = people["marker"] != MarkerStatus.MISSING.value
    counts = known.groupby(people[name]).agg(["sum", "size"]).sort_index()
    return str(counts.sort_values(["sum", "size"], kind="stable").index[-1])


def is_in(participants, name) -> pd.Series:
    return ((participants["arm"] == name) | (participants["trial"] == name)).fillna(False).astype(bool)


def _groups(treated, comparator) -> list:
    return [
        _l(
            "Treated: %(treated)s. Comparator: %(comparator)s.",
            treated=treated or "—",
            comparator=comparator or "—",
        )
    ]


def _cells(known) -> Cells:
    def cell(is_treated, status):
        part = known[(known["is_treated"] == is_treated) & (known["marker"] == status.value)]
        return Cell(len(part), int(part["event"].sum()))

    return Cells(*(cell(is_treated, status) for is_treated in (True, False) for status in STATUSES))


def _reason(participants, both, cells, assigned, endpoint, groups, marker) -> Unassessable | None:
    hidden = set(participants.loc[participants["arm"] == MASKED, "trial"])
    names = [name for name in groups if name]
    if any(name.startswith(f"{trial}/") for trial in hidden for name in names):
        return Unassessable.MASKED
    if hidden and len(names) < 2:
        return Unassessable.MASKED
    if len(names) < 2:
        return Unassessable.NO_COMPARATOR
    criteria = both["response_criteria"] == ResponseCriteria.PCR.value
    if endpoint == "response" and criteria.nunique() > 1:
        return Unassessable.CRITERIA
    by_marker = assigned[
        (assigned["assay"] == marker) & (assigned["arm"].isin(names) | assigned["trial"].isin(names))
    ]
    return why_unassessable(cells, assigned=len(by_marker) > 0)


def _result(cells, known, endpoint, reason, notes, others) -> Result:
    is_survival = endpoint != "response"
    measure = _("HR") if is_survival else _("OR")
    enough = reason is None and is_enough(cells, is_survival=is_survival)
    by_status = effects_by_status(cells, known, is_survival, reason)
    main = main_effects(cells, known, is_survival, enough)
    found = interaction_by_status(cells, known, is_survival) if enough else None
    gail = qualitative_p(by_status) if enough else np.nan
    tried = of_tried(found.p_lrt if enough else np.nan, others.frame["p_lrt"], others.stated)
    verdict = _verdict(reason, enough, found, main, by_status, gail, known, tried)
    tables = [
        Table(
            "by_status",
            _BY_STATUS,
            by_status,
            shown=_shown_by_status(is_survival, measure),
            notes=[*notes, *_methods(is_survival)],
        ),
        Table(
            "interaction",
            _INTERACTION,
            _interaction_frame(found, gail, sum(cell.n for cell in cells), is_survival, tried),
            shown=_SHOWN_INTERACTION,
            notes=[
                _l("Estimate: the effect in positive over the effect in negative; limits by Wald, or by profile where a"
                   " cell is empty (Firth)."),
                *RULE,
            ],
        ),
        Table(
            "main_effects",
            _l("Effects of marker and treatment"),
            main,
            shown=_SHOWN_MAIN,
            notes=[_l("Marker: positive over negative, within each arm alone. Treatment: over the comparator, the"
 " marker held as it is.")],
        ),
    ]  # fmt: skip
    tables.insert(2, _continuous(known if enough else known[:0], is_survival))
    if len(others.frame):
        tables.append(_tried_table(others.frame))
    return Result(tables, figures=[_figure(tables, endpoint)], verdict=verdict)


def _continuous(known, is_survival) -> Table:
    """The same interaction without a cutoff."""
    return Table(
        "continuous",
        _l("Interaction with the marker as measured"),
        continuous_interaction(known, is_survival),
        shown=_SHOWN_CONTINUOUS,
        notes=[
            _l("A cutoff throws information away: where this and the interaction by status disagree, the cutoff made"
               " the difference. Estimate: by how much the effect of treatment changes for each step of the marker."
               " A value beyond a limit of quantification counts as that limit.")
        ],
    )  # fmt: skip


def _tried_table(others) -> Table:
    return Table(
        "tried",
        _l("Markers tried besides"),
        others,
        shown={
            "marker": shown_text("marker", _l("Marker")),
            "n": shown_count("n", _l("n")),
            "estimate": Shown(_l("Ratio"), lambda row: _ratio(row["estimate"])),
            "p_lrt": _shown_p("p_lrt", _l("p (likelihood ratio)")),
        },
        notes=[_l("Each by its assay's positive cutoff, in the same participants.")],
    )


def _verdict(reason, enough, found, main, by_status, p_qualitative, known, tried) -> dict:
    if reason is not None:
        why = str(reason.label)
        return {"code": MarkerClaim.NOT_ASSESSABLE.value, "text": _("Not assessable: %(why)s.", why=why)}
    if not enough:
        return _said(MarkerClaim.INSUFFICIENT)
    directions = np.sign(np.log(by_status["effect"].astype(float)))
    verdict = claim(
        randomised=bool(known["randomised"].all()) and known["trial"].nunique() == 1 and _are_arms(known),
        p_interaction=tried.q,
        p_prognostic=float(main["p"].iloc[1]),
        is_opposite=bool(directions.prod() < 0),
        p_qualitative=p_qualitative,
    )
    return _said(verdict, found, tried)


def _are_arms(known) -> bool:
    """Whether each group is one arm."""
    return bool((known.groupby("is_treated")["arm"].nunique(dropna=False) == 1).all())


def _said(verdict, found=None, tried=None) -> dict:
    said = [str(TEXTS[verdict])]
    if found is not None:
        said.append(
            _(
                "Effect in positive over effect in negative: %(ratio)s (%(low)s–%(high)s), p %(p)s by likelihood"
                " ratio.",
                ratio=_ratio(found.ratio),
                low=_ratio(found.low),
                high=_ratio(found.high),
                p=shown_p(found.p_lrt),
            )
        )
        if tried.count > 1:
            said.append(
                _(
                    "q %(q)s, for %(n)d markers that were tried; the verdict rests on it.",
                    q=shown_p(tried.q),
                    n=tried.count,
                )
            )
    return {"code": verdict.value, "text": " ".join(said)}


def _interaction_frame(found, gail, n, is_survival, tried) -> pd.DataFrame:
    estimate = (
        (np.nan,) * 5 if found is None else (found.ratio, found.low, found.high, found.p_wald, found.p_lrt)
    )
    row = ["HR" if is_survival else "OR", *estimate, n, gail, tried.q, tried.count]
    columns = ["measure", "estimate", "low", "high", "p_wald", "p_lrt", "n", "p_qualitative", "q", "tried"]
    return pd.DataFrame([row], columns=columns)


def _methods(is_survival) -> list:
    few = _l("With fewer than 10 participants in a group there is no ratio and no p.")
    if is_survival:
        return [
            _l(
                "Hazard ratio of treated over comparator: Cox, ties by Efron; limits by Wald, p by likelihood ratio."
            ),
            few,
        ]
    return [
        _l("Odds ratio of response, treated over comparator: limits by Woolf, or by Firth's profile where a cell is"
" empty; p by likelihood ratio."),
        few,
    ]  # fmt: skip


def _figure(tables, endpoint) -> Figure:
    """Both effects and, below them, their ratio."""
    by_status, interaction = tables[0].frame, tables[1].frame
    data = by_status.drop(columns="log_se").assign(row=by_status["status"])
    last = interaction.rename(columns={"estimate": "effect", "p_lrt": "p"}).assign(row="interaction")
    columns = ["row", "n_treated", "events_treated", "n_comparator", "events_comparator", "measure"]
    data = pd.concat([data, last])[[*columns, "effect", "low", "high", "p"]].reset_index(drop=True)
    draw = functools.partial(_draw, is_survival=endpoint != "response")
    return Figure("effects", _BY_STATUS, data, draw)


def _draw(data, *, is_survival, **layout):
    rows = []
    for row in data.to_dict("records"):
        if row["row"] == "interaction":
            label, counts = _("Ratio of the two"), ""
        else:
            label = value_label("marker", row["row"])
            counts = "{:.0f}/{:.0f} · {:.0f}/{:.0f}".format(
                *(row[f"{what}_{arm}"] for arm in ("treated", "comparator") for what in ("events", "n"))
            )
        rows.append(RatioRow(label, counts, row["effect"], row["low"], row["high"]))
    better, worse = _("treated better"), _("comparator better")
    below, above = (better, worse) if is_survival else (worse, better)
    label = _("HR (95% CI)") if is_survival else _("OR (95% CI)")
    return ratios(rows, estimate_label=label, below=below, above=above, number=_ratio, **layout)


def _ratio(value) -> str:
    if value is None or not np.isfinite(value):
        return _("NE")
    return written(value, "0.00" if value >= 0.1 else "0.000")


def _shown_ratio(name, label):
    def text(row):
        return "—" if row[name] is None else _ratio(row[name])

    def detail(row):
        return "" if row[name] is None else f"({_ratio(row['low'])}–{_ratio(row['high'])})"

    return Shown(label, text, detail=detail)


def _shown_p(name, label):
    return Shown(label, lambda row: shown_p(row[name]))


def _shown_by_status(is_survival, measure):
    def counted(arm):
        return lambda row: f"{row[f'events_{arm}']}/{row[f'n_{arm}']}"

    treated = _l("Treated: events/n") if is_survival else _l("Treated: responders/n")
    comparator = _l("Comparator: events/n") if is_survival else _l("Comparator: responders/n")
    return {
        "status": Shown(_l("Marker"), lambda row: value_label("marker", row["status"]), is_number=False),
        "n_treated": Shown(treated, counted("treated")),
        "n_comparator": Shown(comparator, counted("comparator")),
        "effect": _shown_ratio("effect", _l("%(measure)s (95%% CI)", measure=measure)),
        "p": _shown_p("p", _l("p")),
    }


_SHOWN_INTERACTION = {
    "measure": Shown(
        _l("Measure"),
        lambda row: _("Ratio of hazard ratios") if row["measure"] == "HR" else _("Ratio of odds ratios"),
        is_number=False,
    ),
    "estimate": _shown_ratio("estimate", _l("Ratio (95% CI)")),
    "p_lrt": _shown_p("p_lrt", _l("p (likelihood ratio)")),
    "p_wald": _shown_p("p_wald", _l("p (Wald)")),
    "p_qualitative": _shown_p("p_qualitative", _l("p (Gail–Simon)")),
    "q": _shown_p("q", _l("q")),
    "tried": shown_count("tried", _l("Markers tried")),
    "n": shown_count("n", _l("n")),
}

_STEPS = {
    "doubling": _l("doubling"),
    "doubling of value + 1": _l("doubling of value + 1"),
    "sd": _l("standard deviation"),
}

_SHOWN_CONTINUOUS = {
    "step": Shown(_l("For each"), lambda row: str(_STEPS[row["step"]]), is_number=False),
    "estimate": _shown_ratio("estimate", _l("Ratio (95% CI)")),
    "p_lrt": _shown_p("p_lrt", _l("p (likelihood ratio)")),
    "p_wald": _shown_p("p_wald", _l("p (Wald)")),
    "n": shown_count("n", _l("n")),
}

_EFFECTS = {
    ("marker", "treated"): _l("Marker, within the treated"),
    ("marker", "comparator"): _l("Marker, within the comparator (prognostic)"),
    ("treatment", "all"): _l("Treatment, marker held"),
}

_SHOWN_MAIN = {
    "effect_of": Shown(
        _l("Effect of"), lambda row: str(_EFFECTS[row["effect_of"], row["within"]]), is_number=False
    ),
    "n": shown_count("n", _l("n")),
    "effect": _shown_ratio("effect", _l("Ratio (95% CI)")),
    "p": _shown_p("p", _l("p")),
}


def _empty(sentence) -> Result:
    """Before a marker is chosen: tables without rows, and the rule."""
    return Result(
        [
            Table("by_status", _BY_STATUS, pd.DataFrame(columns=["status"])),
            Table(
                "interaction",
                _INTERACTION,
                pd.DataFrame(columns=["measure"]),
                notes=RULE,
            ),
        ],
        sentence=sentence,
    )
