"""A report on paper: what its page shows, in A4. Laid out by pdf.typ."""

import json
from dataclasses import asdict
from pathlib import Path

from flask import current_app
from flask_babel import gettext as _

from tracker import clock
from tracker.exchange.typesetting import typeset
from tracker.reports.base import Figure, Result, Table
from tracker.reports.columns import Shown
from tracker.reports.frozen import FrozenResult, instant

LAYOUT = Path(__file__).with_suffix(".typ")
SUPPORT = "Decision support: these figures inform the judgement of those who are responsible; they do not replace it."


def pdf(result: Result) -> bytes:
    now = clock.now()
    inputs = {"report": json.dumps(_content(result, now))}
    return typeset(LAYOUT.read_text("utf-8"), inputs, format="pdf", timestamp=int(now.timestamp()))


def _content(result: Result, now) -> dict:
    """All that the layout prints, as texts."""
    cutoff = result.data_cutoff or "none: the participants have no dates"
    frozen = result.frozen if isinstance(result, FrozenResult) else None
    footer = f"Generated at {now:%Y-%m-%d %H:%M:%S} UTC"
    facts = [*result.words, ("Data cut-off", cutoff)]
    if frozen:
        footer = f"Frozen at {instant(frozen.frozen_at)} · SHA-256 {frozen.content_hash}"
        facts.append(
            ("Frozen", f"{instant(frozen.frozen_at)} by {frozen.frozen_by}, tracker {frozen.tracker_version}")
        )
    if current_app.config["IS_DEMO"]:
        footer += " · Demonstration: all data are synthetic"
    return {
        "title": str(result.report.title),
        "verdict": str(result.verdict["text"]) if result.verdict else None,
        "sentence": str(result.sentence) if result.sentence else None,
        "facts": facts,
        "headline": _headline(result.headline) if result.headline else None,
        "figures": [_figure(one) for one in result.figures],
        "tables": [_table(one) for one in result.tables],
        "signatures": [
            {**asdict(one), "signed_at": instant(one.signed_at)}
            for one in (frozen.signatures if frozen else [])
        ],
        "nothing": _("There is nothing to show."),
        "support": SUPPORT,
        "footer": footer,
    }


def _headline(table: Table) -> list[dict]:
    row = table.rows[0]
    return [{"label": str(column.label), **_cell(column, row)} for column in table.shown.values()]


def _figure(figure: Figure) -> dict:
    return {"title": str(figure.title), "svg": str(figure.svg(standalone=True))}


def _table(table: Table) -> dict:
    columns = table.shown.values()
    explained = [
        _("%(name)s: %(what)s", name=column.label, what=column.explanation)
        for column in columns
        if column.explanation
    ]
    return {
        "title": str(table.title),
        "columns": [{"label": str(one.label), "is_number": one.is_number} for one in columns],
        "rows": [[_cell(column, row) for column in columns] for row in table.printed_rows],
        "notes": [*map(str, table.remarks), *(["; ".join(explained) + "."] if explained else [])],
    }


def _cell(column: Shown, row: dict) -> dict:
    return {"text": str(column.text(row)), "detail": str(column.detail(row))}
