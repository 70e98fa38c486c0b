"""Waterfall: the best change of the tumors of each participant."""

import functools

import pandas as pd
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.charts.waterfall import Bar, waterfall
from tracker.forms.report import ChoiceField, ReportForm
from tracker.reads.outcome import outcomes_frame
from tracker.reads.response import responses_frame
from tracker.reports.base import Figure, Result, Table, report
from tracker.reports.columns import Shown, percent, shown_group, shown_text, written

COLUMNS = ["participant", "arm", "tumor_location", "best_change", "month", "best_response"]


class ResponsesForm(ReportForm):
    response = ChoiceField(
        _l("Best responses"),
        {"confirmed": _l("Confirmed"), "unconfirmed": _l("Unconfirmed too")},
        open=_l("By trial design"),
    )


@report(
    "waterfall",
    title=_l("Waterfall"),
    about=_l(
        "How much each participant's tumors shrank at best, or grew, in the colour of the best response."
    ),
    form=ResponsesForm,
    reads=[outcomes_frame, responses_frame],
)
def build(participants, responses, response=None):
    """The smallest change from baseline of each treated participant, up to progression or a new therapy.

    Only complete sums are compared. response: which best responses are shown; else as in outcomes.
    """
    treated = participants[participants["treated"]].set_index("participant_id")
    sums = compared_sums(responses)
    best = sums.loc[sums.groupby("participant_id")["change_from_baseline"].idxmin()].set_index(
        "participant_id"
    )
    drawn = best.join(treated[[best_column(response), "code", "arm", "tumor_location"]], how="inner")
    rows = pd.DataFrame(
        {
            "participant": drawn["code"],
            "arm": drawn["arm"],
            "tumor_location": drawn["tumor_location"],
            "best_change": drawn["change_from_baseline"],
            "month": drawn["months"],
            "best_response": drawn[best_column(response)],
        }
    ).sort_values(["best_change", "participant"], ascending=[False, True], ignore_index=True)
    missing = len(treated) - len(rows)
    table = Table(
        "participants",
        _l("Best change by participant"),
        rows[COLUMNS],
        shown={
            "participant": shown_text("participant", _l("Participant")),
            "arm": shown_group("arm"),
            "tumor_location": shown_group("tumor_location"),
            "best_change": shown_change("best_change", _l("Best change")),
            "month": shown_month("month", _l("Month")),
            "best_response": shown_text("best_response", _l("Best response")),
        },
        notes=[
            _l("Best change: the smallest sum of the target lesions against baseline, up to the first progression or a"
               " new anticancer therapy; only sums of all target lesions are compared."),
            _l("Participants drawn: %(n)d of %(all)d treated.", n=len(rows), all=len(treated)),
            *without_sums(missing),
            _l("The colour may tell of progression where the bar shows shrinkage: a new lesion is no growth."),
        ],
    )  # fmt: skip
    return Result(
        tables=[table],
        figures=[Figure("waterfall", _l("Best change from baseline"), rows, functools.partial(_draw))],
        sentence=_sentence(rows),
    )


def _draw(data, **layout):
    bars = [
        Bar(row["participant"], row["best_change"], response_text(row["best_response"]))
        for row in data.to_dict("records")
    ]
    return waterfall(bars, percent=percent, **layout)


def _sentence(rows) -> str:
    if rows.empty:
        return _("Of nobody are a baseline sum and a later one on record.")
    shrank = int((rows["best_change"] <= -0.3).sum())
    return _("The tumors of %(x)s of %(n)s participants shrank by at least 30 %%.", x=shrank, n=len(rows))


# What plots of single participants share


def best_column(response) -> str:
    """The column of the best response that was asked for."""
    return f"best_{response}" if response else "best_response"


def compared_sums(responses) -> pd.DataFrame:
    """Complete sums after baseline that count, of participants whose baseline sum is known."""
    return responses[
        responses["counts"] & responses["sum_complete"] & responses["change_from_baseline"].notna()
    ]


def without_sums(missing) -> list:
    if not missing:
        return []
    return [
        _l(
            "Participants without a baseline sum and a complete later one, who are not drawn: %(n)d.",
            n=missing,
        )
    ]


def response_text(response) -> str:
    """A best response as plots write it, also where there is none."""
    return response if isinstance(response, str) else "NE"


def shown_change(name: str, label: str) -> Shown:
    """A change from baseline, with its sign."""

    def text(row):
        if row[name] is None:
            return "—"
        sign = "+" if row[name] > 0 else "−" if row[name] < 0 else ""
        return sign + percent(abs(row[name]))

    return Shown(label, text, fractions=(name,))


def shown_month(name: str, label: str) -> Shown:
    return Shown(label, lambda row: "—" if row[name] is None else written(row[name], "0.0"))
