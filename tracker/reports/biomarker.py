"""One marker: how it is distributed, whether it tells who responds, at which cutoff, and survival by its status."""

import functools
from dataclasses import replace

import numpy as np
import pandas as pd
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from tracker.charts.roc import RocPoint, roc
from tracker.charts.strips import Strip, strips
from tracker.forms.report import ChoiceField, LandmarkForm, value_label
from tracker.reads.biomarker import ordered_values
from tracker.reads.outcome import outcomes_frame
from tracker.reports import survival
from tracker.reports.assays import agreement_table
from tracker.reports.base import Figure, Result, Table, cutoff_line, report, shown_value
from tracker.reports.columns import FEW, Shown, percent, shown_count, shown_fraction, shown_rate, written
from tracker.reports.cutoffs import Cut, can_be_told, cuts_of, status_at
from tracker.reports.known import with_known_outcome
from tracker.reports.survival import shown_p
from tracker.stats.association import auc, roc_points
from tracker.stats.proportions import clopper_pearson
from tracker.terms.biomarker import MarkerStatus, Qualifier
from tracker.terms.evidence import CutoffOrigin

ENDPOINTS = {
    "response": _l("Response"),
    "pfs": _l("Progression-free survival"),
    "os": _l("Overall survival"),
}

_STATUSES = [MarkerStatus.POSITIVE.value, MarkerStatus.NEGATIVE.value, MarkerStatus.MISSING.value]
_CATEGORIES = ["CR", "PR", "SD", "PD", "NE"]
_BOXES = _l(
    "A dot is a participant, the box holds the middle half of the values, the thick line is the median. A hollow"
    " triangle is a value below or above a limit of quantification, drawn at that limit."
)
_ORIGINS = {
    CutoffOrigin.PRESPECIFIED.value: _l("pre-specified"),
    CutoffOrigin.DATA_DRIVEN.value: _l("chosen on these data"),
}


_COMPARED = _l("Survival of positive against negative")
_SOUGHT = _l(
    "Where the cutoff was chosen by the same endpoint, its hazard ratio flatters the marker, and only the corrected p"
    " of the table of cutoffs holds."
)


class BiomarkerForm(LandmarkForm):
    endpoint = ChoiceField(_l("Endpoint"), ENDPOINTS, default="response")

    needs_cutoff = False
    uses_marker = True
    compares_assays = True

    @property
    def arguments(self) -> dict:
        return super().arguments | {"marked": self.marked, "others": self.others}


@report(
    "biomarker",
    title=_l("Biomarker"),
    about=_l("One marker: its values by location and response, ROC curve, cutoffs, and survival by status."),
    form=BiomarkerForm,
    reads=[outcomes_frame],
)
def build(participants, endpoint="response", marked=None, others=()):
    """Association of a marker with outcomes. marked: the Marker, and the columns of `with_marker` in participants.

    others: of `with_other_assays`.
    """
    if marked is None:
        return _empty()
    measured = participants[participants["marker_value"].notna()]
    measured = measured.assign(order=ordered_values(measured["marker_value"], measured["marker_qualifier"]))
    responses, of_response = with_known_outcome(measured, "response")
    cuts = cuts_of(measured, responses, endpoint, marked)
    chosen = next((cut for cut in cuts if cut.origin == CutoffOrigin.PRESPECIFIED.value), None)
    chosen = chosen or next((cut for cut in cuts if cut.endpoint == endpoint), None)
    status = participants.assign(marker=status_at(participants, np.nan if chosen is None else chosen.cutoff))
    everybody, _same = with_known_outcome(status, "response")
    by_survival = _of_survival(status, chosen, endpoint)
    by_status, area = _by_status(everybody), _area(responses)
    tables = [
        Table("response", _l("Response by status"), by_status, shown=_SHOWN_RESPONSE,
              notes=[*of_response[:1], *_origin_note(chosen, marked), _l("Limits: Clopper-Pearson, 95 %.")]),
        Table("roc", _l("Discrimination of responders"), area, shown=_SHOWN_ROC, notes=_roc_notes(area, of_response)),
        Table("cutoff", _l("Cutoffs"), pd.DataFrame(cuts, columns=Cut._fields), shown=_SHOWN_CUTOFF,
              notes=_CUTOFF_NOTES),
        *_survival(by_survival, chosen),
    ]  # fmt: skip
    spread = [
        _spread("by_location", _l("Values by tumor location"), _by_location(measured), measured),
        _spread("by_response", _l("Values by response"), _by_response(responses), measured),
    ]
    figures = [_strips(table, groups, chosen, marked) for table, groups in spread if _varies(measured)]
    figures += _roc_figure(responses, area, cuts, marked)
    for name, result in by_survival.items():
        figures += [replace(figure, name=f"km_{name}") for figure in result.figures]
    for figure in figures:
        if marked.cutoff is None and chosen is not None:
            line = cutoff_line(chosen.cutoff, marked, ENDPOINTS[chosen.endpoint])
            figure.caption = [line, *figure.caption]
    tables += [table for table, _groups in spread]
    if others:
        tables.append(agreement_table(measured, status["marker"], chosen, marked, others))
    return Result(tables, figures=figures, sentence=_sentence(by_status, area, chosen))


def _varies(measured):
    return measured["order"].nunique() > 2


def _origin_note(cut, marked) -> list:
    if cut is None:
        return [
            _l(
                "There is no cutoff: none was given, the assay has none, and the data are too few to seek one."
            )
        ]
    is_sought = cut.origin == CutoffOrigin.DATA_DRIVEN.value
    return [cutoff_line(cut.cutoff, marked, ENDPOINTS[cut.endpoint] if is_sought else None)]


# Response


def _by_status(known) -> pd.DataFrame:
    rows = []
    for status in _STATUSES:
        part = known[known["marker"] == status]
        if status == MarkerStatus.MISSING.value and part.empty:
            continue
        responders = int(part["event"].sum())
        rate = (
            (responders / len(part), *clopper_pearson(responders, len(part))) if len(part) else (np.nan,) * 3
        )
        rows.append([status, len(part), responders, *rate])
    return pd.DataFrame(rows, columns=["status", "n", "responders", "orr", "orr_low", "orr_high"])


def _area(responses) -> pd.DataFrame:
    found = (np.nan,) * 3
    if can_be_told(responses) and responses["order"].nunique() > 1:
        found = auc(responses["order"], responses["event"])[:3]
    row = [*found, len(responses), int(responses["event"].sum())]
    return pd.DataFrame([row], columns=["auc", "auc_low", "auc_high", "n", "responders"])


def _roc_notes(area, of_response) -> list:
    notes = [
        *of_response,
        _l(
            "AUC: how often a responder has the higher value than a non-responder, ties counting half; limits: DeLong,"
            " 95 %. Values beyond a limit are tied: all below the highest lower limit, all above the lowest upper one."
        ),
    ]
    if pd.isna(area["auc"].iloc[0]):
        notes.append(
            _l("Too few: there are fewer than 10 participants, or fewer than 5 responders or non-responders.")
        )
    return notes


def _roc_figure(responses, area, cuts, marked) -> list[Figure]:
    if pd.isna(area["auc"].iloc[0]):
        return []
    data = roc_points(responses["order"], responses["event"])
    named = [cut for cut in cuts if cut.endpoint == "response" and np.isfinite(cut.sensitivity)]
    draw = functools.partial(_draw_roc, area=area.iloc[0].to_dict(), cuts=named, marked=marked)
    line = _l(
        "The dashed diagonal is chance; the further the curve bends from it, the better the marker tells."
    )
    return [Figure("roc", _l("ROC curve of response"), data, draw, [line])]


def _draw_roc(data, *, area, cuts, marked, **layout):
    points = [
        RocPoint(
            f"≥ {_with_unit(cut.cutoff, marked)} ({_ORIGINS[cut.origin]!s})",
            cut.sensitivity,
            cut.specificity,
        )
        for cut in cuts
    ]
    label = _("AUC %(area)s (95%% CI %(low)s–%(high)s)", area=_two(area["auc"]), low=_two(area["auc_low"]),
              high=_two(area["auc_high"]))  # fmt: skip
    return roc(
        data["sensitivity"], data["specificity"], area_label=label, points=points, percent=percent, **layout
    )


# Values


def _by_location(measured):
    groups = [
        (value_label("tumor_location", location), location, part)
        for location, part in measured.groupby("tumor_location", dropna=False)
    ]
    return sorted(groups, key=lambda group: (-len(group[2]), str(group[0])))


def _by_response(responses):
    groups = [
        (_l("Responders"), "responder", responses[responses["event"]]),
        (_l("Non-responders"), "non-responder", responses[~responses["event"]]),
    ]
    best = responses["best_response"]
    return groups + [(code, code, responses[best == code]) for code in _CATEGORIES if (best == code).any()]


def _spread(name, title, groups, measured):
    """A table of quartiles, with the groups that it is of."""
    column = "tumor_location" if name == "by_location" else "best_response"
    rows = []
    for _label, value, part in groups:
        values, sign = part["marker_value"], part["marker_qualifier"]
        quartiles = np.quantile(values, [0.25, 0.5, 0.75]) if len(part) else (np.nan,) * 3
        beyond = [int((sign == one.value).sum()) for one in (Qualifier.BELOW, Qualifier.ABOVE)]
        ends = (values.min(), values.max()) if len(part) else (np.nan,) * 2
        rows.append([value, len(part), *quartiles, *ends, *beyond])
    columns = [column, "n", "q1", "median", "q3", "lowest", "highest", "below_limit", "above_limit"]
    words = {value: label for label, value, _part in groups}
    shown = {
        column: Shown(
            _l("Tumor location") if column == "tumor_location" else _l("Response"),
            lambda row: str(words.get(row[column], value_label(column, row[column]))),
            is_number=False,
        ),
        "n": shown_count("n", _l("n")),
        "median": Shown(_l("Median (quartiles)"), _shown_median, detail=_shown_quartiles),
        "lowest": Shown(_l("Lowest"), lambda row: _written(row["lowest"])),
        "highest": Shown(_l("Highest"), lambda row: _written(row["highest"])),
        "below_limit": shown_count("below_limit", _l("Below a limit")),
        "above_limit": shown_count("above_limit", _l("Above a limit")),
    }
    notes = [
        _l("n: participants with a value. A value beyond a limit of quantification counts as that limit.")
    ]
    return Table(name, title, pd.DataFrame(rows, columns=columns), shown=shown, notes=notes), groups


def _strips(table, groups, chosen, marked) -> Figure:
    parts = [
        part[["marker_value", "marker_qualifier"]]
        .set_axis(["value", "qualifier"], axis=1)
        .assign(group=value)
        for _label, value, part in groups
        if len(part)
    ]
    data = pd.concat(parts, ignore_index=True)[["group", "value", "qualifier"]] if parts else pd.DataFrame()
    draw = functools.partial(_draw_strips, groups=groups, chosen=chosen, marked=marked)
    return Figure(table.name, table.title, data, draw, [_BOXES])


def _draw_strips(_data, *, groups, chosen, marked, **layout):
    drawn = [
        Strip(str(label), part["marker_value"], part["marker_qualifier"]) for label, _value, part in groups
    ]
    named = {}
    if chosen is not None:
        named = {"cutoff": chosen.cutoff}
        named["cutoff_label"] = f"≥ {_with_unit(chosen.cutoff, marked)}, {_ORIGINS[chosen.origin]}"
    label = f"{marked.assay} ({marked.unit})" if marked.unit else marked.assay
    return strips(drawn, value_label=label, number=shown_value, **named, **layout)


# Survival


def _of_survival(status, chosen, endpoint) -> dict[str, Result]:
    """The survival report by status, of each endpoint that is asked for and known."""
    asked = ["pfs", "os"] if endpoint == "response" else [endpoint]
    known = status[status["marker"] != MarkerStatus.MISSING.value]
    return {
        name: survival.build(known, by=["marker"], endpoint=name)
        for name in asked
        if chosen is not None and known[f"{name}_months"].notna().any()
    }


def _survival(results, chosen) -> list[Table]:
    """Medians and comparisons of all endpoints, each in one table."""
    if not results:
        return []
    merged = []
    for name, title in (("median", _l("Survival by status (months)")), ("comparison", _COMPARED)):
        tables = {
            endpoint: next(one for one in result.tables if one.name == name)
            for endpoint, result in results.items()
        }
        frames = [table.frame.assign(endpoint=endpoint) for endpoint, table in tables.items()]
        shown = {"endpoint": _SHOWN_ENDPOINT, **next(iter(tables.values())).shown}
        notes = list(dict.fromkeys(str(note) for table in tables.values() for note in table.notes))
        merged.append(Table(name, title, pd.concat(frames, ignore_index=True), shown=shown, notes=notes))
    compared = merged[1]
    compared.frame = compared.frame[compared.frame["group"] != "overall"].reset_index(drop=True)
    sought = compared.frame["endpoint"] == chosen.endpoint
    if chosen.origin == CutoffOrigin.DATA_DRIVEN.value and sought.any():
        compared.frame.loc[sought, ["p_wald", "logrank_chi2", "logrank_p"]] = np.nan
        compared.notes.append(_SOUGHT)
    return merged


# Words


def _sentence(by_status, area, chosen) -> str:
    """What a reader may take away, and what not."""
    said = []
    share = area["auc"].iloc[0]
    if pd.notna(share):
        said.append(
            _(
                "Of 100 pairs of a responder and a non-responder, the responder has the higher value in %(n)s; 50 would"
                " be chance.",
                n=written(100 * share, "0"),
            )
        )
    rates = by_status.set_index("status").reindex(_STATUSES[:2])
    if chosen is not None and (rates["n"] >= FEW).all():
        positive, negative = (
            _("%(x)d of %(n)d", x=int(one.responders), n=int(one.n)) for one in rates.itertuples()
        )
        said.append(
            _("Of the positive %(positive)s responded, of the negative %(negative)s.", positive=positive,
              negative=negative)
        )  # fmt: skip
    if chosen is not None and chosen.origin == CutoffOrigin.DATA_DRIVEN.value:
        said.append(
            ngettext(
                "The cutoff was chosen on these data, the best of %(num)d, and so flatters the marker; it needs other"
                " data to be believed.",
                "The cutoff was chosen on these data, the best of %(num)d, and so flatters the marker; it needs other"
                " data to be believed.",
                chosen.cutoffs_tried,
            )
        )
    if not said:
        return _("There are too few participants with a value and an outcome to say anything.")
    said.append(_("This is an association: it does not show that the marker predicts what a treatment does."))
    return " ".join(said)


def _written(value):
    return "—" if value is None else shown_value(value)


def _with_unit(value, marked):
    return f"{shown_value(value)} {marked.unit or ''}".rstrip()


def _two(value):
    return "—" if value is None or pd.isna(value) else written(value, "0.00")


def _shown_median(row):
    return _written(row["median"])


def _shown_quartiles(row):
    return "" if row["q1"] is None or row["n"] < FEW else f"({_written(row['q1'])}–{_written(row['q3'])})"


def _shown_area_limits(row):
    return "" if row["auc_low"] is None else f"({_two(row['auc_low'])}–{_two(row['auc_high'])})"


_SHOWN_ENDPOINT = Shown(_l("Endpoint"), lambda row: str(ENDPOINTS[row["endpoint"]]), is_number=False)

_SHOWN_RESPONSE = {
    "status": Shown(_l("Marker"), lambda row: value_label("marker", row["status"]), is_number=False),
    "n": shown_count("n", _l("n")),
    "responders": shown_count("responders", _l("Responders")),
    "orr": shown_rate("orr", _l("ORR (95% CI)")),
}

_SHOWN_ROC = {
    "auc": Shown(_l("AUC (95% CI)"), lambda row: _two(row["auc"]), detail=_shown_area_limits),
    "n": shown_count("n", _l("n")),
    "responders": shown_count("responders", _l("Responders")),
}

_SHOWN_CUTOFF = {
    "endpoint": _SHOWN_ENDPOINT,
    "origin": Shown(_l("Origin"), lambda row: str(_ORIGINS[row["origin"]]), is_number=False),
    "cutoff": Shown(_l("Positive at or above"), lambda row: _written(row["cutoff"])),
    "sensitivity": shown_fraction("sensitivity", _l("Sensitivity")),
    "specificity": shown_fraction("specificity", _l("Specificity")),
    "youden": Shown(_l("Youden's index"), lambda row: _two(row["youden"])),
    "youden_corrected": Shown(_l("corrected"), lambda row: _two(row["youden_corrected"])),
    "cutoffs_tried": shown_count("cutoffs_tried", _l("Cutoffs tried")),
    "p": Shown(_l("p (corrected)"), lambda row: shown_p(row["p"])),
}

_CUTOFF_NOTES = [
    _l(
        "Response: the cutoff with the largest Youden's index, corrected for its optimism by 500 stratified bootstrap"
        " draws with a fixed seed. A pre-specified cutoff needs no correction."
    ),
    _l(
        "Survival: the cutoff with the largest standardised log-rank statistic, of those that leave 10 to 90 % below;"
        " p by Lausen and Schumacher, for having looked at every one."
    ),
]


def _empty() -> Result:
    """Before a marker is chosen."""
    tables = [
        Table("response", _l("Response by status"), pd.DataFrame(columns=["status"])),
        Table("roc", _l("Discrimination of responders"), pd.DataFrame(columns=["auc"])),
        Table("cutoff", _l("Cutoffs"), pd.DataFrame(columns=["cutoff"]), notes=_CUTOFF_NOTES),
    ]
    return Result(
        tables, sentence=_("Choose a marker: an assay whose baseline value tells participants apart.")
    )
