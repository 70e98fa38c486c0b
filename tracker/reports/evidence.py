"""What the evidence is worth: findings by state and level, what they do not report, and which contradict each other."""

import functools

import pandas as pd
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.charts.matrix import MatrixCell, matrix
from tracker.forms.biomarker import AssayForm
from tracker.forms.evidence import FindingForm
from tracker.forms.report import FilterField, ReportForm
from tracker.reads.grading import grades_frame, remark_frame
from tracker.reads.participant import participants_frame
from tracker.reads.portability import biomarker_names, findings_frame
from tracker.reports.base import Figure, Result, Table, report
from tracker.reports.columns import Shown, shown_count
from tracker.reports.portability import ALL, location_label
from tracker.rules.evidence import contradictory_pairs
from tracker.terms.evidence import (
    REMARK,
    Claim,
    EvidenceDirection,
    EvidenceEndpoint,
    FindingStatus,
    HigherMeans,
    LevelOfEvidence,
    RemarkStatus,
)

#: A finding without a study category has none.
NO_LEVEL = "none"

_STATUS_TONES = {"accepted": "good", "submitted": "neutral", "returned": "warn", "rejected": "bad"}
_DIRECTION_TONES = {"supports": "good", "against": "bad", "inconclusive": "warn"}


class EvidenceForm(ReportForm):
    is_of_participants = False

    biomarker = FilterField(_l("Biomarker"))

    def choose(self, values):
        super().choose(lambda name: biomarker_names() if name == "biomarker" else values(name))


@report(
    "evidence",
    title=_l("Evidence"),
    about=_l(
        "Findings by state and level of evidence, what they do not report, and which contradict each other."
    ),
    form=EvidenceForm,
    reads=[participants_frame, findings_frame, grades_frame, remark_frame],
)
def build(_participants, findings, grades, remark):
    """Findings that the reader sees.

    Tables: `levels`: `status level n`, findings by state and level of evidence (I to IV-V, or `none` without a study
    category). `findings`: `finding biomarker tumor_location claim endpoint direction status level agree disagree
    reported gaps`, a row each; agree and disagree count the accepted findings that validate it, reported and gaps the
    items of REMARK that are reported in full and that are not or in part. `remark`: `finding item status missing`, an
    item each; missing is the field that would answer it. `contradictions`: `biomarker tumor_location claim endpoint
    finding direction higher_means other other_direction other_higher_means`, pairs of accepted findings.
    """
    graded = findings.merge(grades.drop(columns="trial_id"), on="finding_id")
    graded["level"] = graded["level"].fillna(NO_LEVEL)
    graded["tumor_location"] = graded["tumor_location"].fillna(ALL)
    items = remark[remark["finding_id"].isin(graded["finding_id"])]
    own = set(graded.loc[graded["is_own"], "finding_id"])
    assays = dict(zip(graded["finding_id"], graded["assay_id"]))
    levels = graded.groupby(["status", "level"]).size().rename("n").reset_index()
    tables = [
        _levels(levels),
        _findings(graded, items),
        _contradictions(graded[graded["status"] == FindingStatus.ACCEPTED.value]),
        _remark(items, own, assays),
    ]
    return Result(tables, figures=[_figure(levels)], sentence=_sentence(graded, tables[2].frame))


def _ordered(rows, name, terms):
    places = {one: place for place, one in enumerate(terms)}
    return rows.sort_values(name, key=lambda column: column.map(places), kind="stable", ignore_index=True)


_LEVELS = [*(one.value for one in LevelOfEvidence), NO_LEVEL]
_STATUSES = [one.value for one in (FindingStatus.ACCEPTED, FindingStatus.SUBMITTED, FindingStatus.RETURNED,
                                   FindingStatus.DRAFT, FindingStatus.REJECTED)]  # fmt: skip


def _levels(levels) -> Table:
    rows = _ordered(_ordered(levels, "level", _LEVELS), "status", _STATUSES)
    return Table(
        "levels",
        _l("Findings by state and level of evidence"),
        rows.astype({"n": "Int64"}),
        shown={"status": _shown_status(), "level": _shown_level(), "n": shown_count("n", _l("Findings"))},
        notes=[
            _l("Level of evidence by Simon, Paik and Hayes 2009: from the study category, and for category B and C from"
               " the accepted findings that validate it; validation that is not consistent counts as none."),
        ],
    )  # fmt: skip


def _findings(graded, items) -> Table:
    reported = items[items["status"] == RemarkStatus.REPORTED.value].groupby("finding_id").size()
    gaps = items[items["missing"].notna()].groupby("finding_id").size()
    rows = graded.assign(
        finding=graded["finding_id"],
        reported=graded["finding_id"].map(reported).fillna(0).astype("Int64"),
        gaps=graded["finding_id"].map(gaps).fillna(0).astype("Int64"),
    )
    names = ["finding", "biomarker", "tumor_location", "claim", "endpoint", "direction", "status", "level"]
    return Table(
        "findings",
        _l("Findings"),
        _ordered(rows[[*names, "agree", "disagree", "reported", "gaps"]], "status", _STATUSES),
        shown={
            "finding": _shown_finding("finding", _l("Finding")),
            **_SHOWN,
            "direction": _shown_term("direction", _l("The evidence"), EvidenceDirection, _DIRECTION_TONES),
            "status": _shown_status(),
            "level": _shown_level(),
            "agree": shown_count(
                "agree", _l("Validated"), _l("Accepted findings that validate it and agree")
            ),
            "disagree": shown_count("disagree", _l("Contradicted"), _l("Accepted ones that do not agree")),
            "gaps": Shown(
                _l("REMARK"),
                lambda row: _("%(reported)d of %(all)d", reported=row["reported"], all=len(REMARK)),
                _l("Items of REMARK that are reported in full"),
                link=lambda row: {"endpoint": "finding.show", "id": row["finding"], "_anchor": "remark"},
            ),
        },
    )


def _contradictions(accepted) -> Table:
    rows = [
        [one.biomarker, one.tumor_location, one.claim, one.endpoint, one.finding_id, one.direction,
         one.higher_means, other.finding_id, other.direction, other.higher_means]
        for one, other in contradictory_pairs(list(accepted.itertuples()))
    ]  # fmt: skip
    about = ["biomarker", "tumor_location", "claim", "endpoint"]
    said = ["finding", "direction", "higher_means", "other", "other_direction", "other_higher_means"]
    return Table(
        "contradictions",
        _l("Accepted findings that contradict each other"),
        pd.DataFrame(rows, columns=[*about, *said]),
        shown={**_SHOWN}
        | {
            "finding": _shown_finding("finding", _l("One finding")),
            "direction": _shown_saying("direction", "higher_means"),
            "other": _shown_finding("other", _l("The other")),
            "other_direction": _shown_saying("other_direction", "other_higher_means"),
        },
        notes=[
            _l("Of the same marker, location, claim and endpoint: one supports and the other opposes, or a higher"
               " marker means other things in them.")
        ],
    )  # fmt: skip


def _remark(items, own, assays) -> Table:
    rows = items.rename(columns={"finding_id": "finding"})[["finding", "item", "status", "missing"]]
    titles = {item.number: item.title for item in REMARK}
    return Table(
        "remark",
        _l("What findings do not report (REMARK)"),
        rows.reset_index(drop=True),
        shown={
            "finding": _shown_finding("finding", _l("Finding")),
            "item": Shown(
                _l("Item"),
                lambda row: f"{row['item']}. {titles[row['item']]}",
                is_number=False,
                is_prose=True,
            ),
            "status": _shown_term("status", _l("Status"), RemarkStatus, {}),
            "missing": Shown(
                _l("Missing"),
                lambda row: field_label(row["missing"]),
                is_number=False,
                is_prose=True,
                link=lambda row: _field(row, own, assays),
            ),
        },
        notes=[
            _l(
                "Listed are items that a field would answer; what only words can answer stands on the finding."
            )
        ],
        prints=lambda row: row["missing"] not in (None, "remark_answers"),
    )


def field_label(name: str) -> str:
    """The label of a finding's field, or of its assay's as in assay.platform."""
    owner, _dot, own = name.partition(".")
    return str(getattr(AssayForm, own).args[0] if own else getattr(FindingForm, owner).args[0])


def _field(row, own, assays) -> dict:
    """Where the missing field is filled in; the finding's page for who may not."""
    owner, _dot, field = row["missing"].partition(".")
    assay = assays.get(row["finding"])
    if field and assay is not None and assay == assay:
        return {"endpoint": "assay.edit", "id": int(assay), "_anchor": field}
    if row["finding"] in own:
        return {"endpoint": "finding.edit", "id": row["finding"], "_anchor": owner}
    return {"endpoint": "finding.show", "id": row["finding"], "_anchor": "remark"}


def _shown_finding(name, label) -> Shown:
    return Shown(
        label,
        lambda row: _("finding %(number)s", number=row[name]).replace(" ", "\u00a0"),
        is_number=False,
        link=lambda row: {"endpoint": "finding.show", "id": row[name]},
    )


def _shown_term(name, label, terms, tones) -> Shown:
    return Shown(
        label,
        lambda row: str(terms(row[name]).label),
        is_number=False,
        tone=lambda row: tones.get(row[name], "neutral" if tones else None),
    )


def _shown_status() -> Shown:
    return _shown_term("status", _l("State"), FindingStatus, _STATUS_TONES)


def _shown_level() -> Shown:
    return Shown(_l("Level"), lambda row: level_label(row["level"]), is_number=False)


def level_label(level: str) -> str:
    return _("no level") if level == NO_LEVEL else str(LevelOfEvidence(level).label)


def _shown_saying(direction, means) -> Shown:
    def text(row):
        higher = str(HigherMeans(row[means]).label).lower()
        return _("%(direction)s; higher means: %(means)s",
                 direction=str(EvidenceDirection(row[direction]).label), means=higher)  # fmt: skip

    return Shown(_l("says"), text, is_number=False, tone=lambda row: _DIRECTION_TONES.get(row[direction]))


_SHOWN = {
    "biomarker": Shown(_l("Biomarker"), lambda row: row["biomarker"], is_number=False),
    "tumor_location": Shown(
        _l("Tumor location"), lambda row: location_label(row["tumor_location"]), is_number=False
    ),
    "claim": _shown_term("claim", _l("Claim"), Claim, {}),
    "endpoint": _shown_term("endpoint", _l("Endpoint"), EvidenceEndpoint, {}),
}


def _figure(levels) -> Figure:
    return Figure("levels", _l("Findings by state and level of evidence"), levels, functools.partial(_draw))


def _draw(data, **layout):
    counts = {(row["status"], row["level"]): row["n"] for row in data.to_dict("records")}
    names = [str(FindingStatus(one).label) for one in _STATUSES]
    lines = [
        [
            MatrixCell(
                str(n) if (n := counts.get((status, level), 0)) else "",
                1,
                _("%(status)s, %(level)s: %(n)d", status=name, level=level_label(level), n=n),
            )
            for level in _LEVELS
        ]
        for status, name in zip(_STATUSES, names)
    ]
    return matrix(names, [level_label(one) for one in _LEVELS], lines, **layout)


def _sentence(graded, contradictions) -> str:
    accepted = int((graded["status"] == FindingStatus.ACCEPTED.value).sum())
    return _(
        "%(accepted)d of %(n)d findings are accepted; %(pairs)d pairs of them contradict each other.",
        accepted=accepted,
        n=len(graded),
        pairs=len(contradictions),
    )
