"""Spider: how the tumors of each participant went over time."""

import pandas as pd
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.charts.spider import Line, spider
from tracker.reads.outcome import outcomes_frame
from tracker.reads.response import responses_frame
from tracker.reports.base import Figure, Result, Table, report
from tracker.reports.columns import Shown, percent, shown_text, written
from tracker.reports.waterfall import (
    ResponsesForm,
    best_column,
    compared_sums,
    response_text,
    shown_change,
    shown_month,
    without_sums,
)

COLUMNS = ["participant", "month", "sum_mm", "change", "response", "best_response"]


@report(
    "spider",
    title=_l("Spider"),
    about=_l("How the sum of each participant's target lesions went over time, up to progression."),
    form=ResponsesForm,
    reads=[outcomes_frame, responses_frame],
)
def build(participants, responses, response=None):
    """Every complete sum of each treated participant, from baseline up to progression or a new therapy."""
    treated = participants[participants["treated"]].set_index("participant_id")
    sums = compared_sums(responses)
    sums = sums[sums["participant_id"].isin(treated.index)]
    baseline = responses[
        (responses["phase"] == "baseline") & responses["participant_id"].isin(sums["participant_id"])
    ]
    both = pd.concat([baseline.assign(change_from_baseline=0.0), sums])
    both = both.join(treated[["code", best_column(response)]], on="participant_id")
    rows = pd.DataFrame(
        {
            "participant": both["code"],
            "month": both["months"],
            "sum_mm": both["sum_mm"],
            "change": both["change_from_baseline"],
            "response": both["response"].mask(both["response"] == ""),
            "best_response": both[best_column(response)],
        }
    ).sort_values(["participant", "month"], ignore_index=True)
    drawn = rows["participant"].nunique()
    table = Table(
        "sums",
        _l("Sums of target lesions"),
        rows[COLUMNS],
        shown={
            "participant": shown_text("participant", _l("Participant")),
            "month": shown_month("month", _l("Month")),
            "sum_mm": Shown(_l("Sum (mm)"), lambda row: written(row["sum_mm"], "0.#")),
            "change": shown_change("change", _l("Change")),
            "response": shown_text("response", _l("Response")),
            "best_response": shown_text("best_response", _l("Best response")),
        },
        notes=[
            _l(
                "Sums of all target lesions against baseline, up to the first progression or a new anticancer therapy."
            ),
            _l("Participants drawn: %(n)d of %(all)d treated.", n=drawn, all=len(treated)),
            *without_sums(len(treated) - drawn),
        ],
    )
    sentence = "" if drawn else _("Of nobody are a baseline sum and a later one on record.")
    figure = Figure("spider", _l("Change from baseline over time"), rows, _draw)
    return Result(tables=[table], figures=[figure], sentence=sentence)


def _draw(data, **layout):
    lines = [
        Line(
            name,
            response_text(part["best_response"].iloc[0]),
            part["month"].tolist(),
            part["change"].tolist(),
            part["response"].iloc[-1] == "PD",
        )
        for name, part in data.groupby("participant", sort=True)
    ]
    return spider(lines, percent=percent, number=plain_number, **layout)


def plain_number(value, decimals=0) -> str:
    """A number with that many decimals, as the reader's language writes it."""
    return written(value, "0." + "0" * decimals if decimals else "0")
