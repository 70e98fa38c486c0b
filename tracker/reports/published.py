"""What publications say of response, beside what participants of our own tell."""

import pandas as pd
import wtforms
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.forms.report import ChoiceField, one_of, value_label
from tracker.reports.response import has_responded, is_counted
from tracker.terms.codes import tissues
from tracker.terms.regimen import ReferenceEndpoint
from tracker.values import Refusal, read_term

#: Where the numbers of a comparison of locations come from.
SOURCES = {
    "own": _l("Own participants"),
    "published": _l("Published results"),
    "both": _l("Own and published together"),
}

#: Filters that a published result can answer; the others are of participants alone.
ANSWERED = ["regimen", "tumor_location", "subtype", "prior_lines"]
_UNANSWERED = ["trial", "arm", "cohort", "diagnosis", "combination"]

COUNTS = ["tumor_location", "subtype", "n", "responders"]


def source_field():
    return ChoiceField(_l("Source"), SOURCES, default="own")


class LocationField(wtforms.Field):
    """One tumor location, by its code or label. find: tells those that participants have.

    besides: further values with their labels. without: a location that may not be chosen.
    """

    kind = "choice"

    def __init__(self, label=None, besides=None, without=None, **kwargs):
        super().__init__(label, **kwargs)
        self.besides, self.without, self.find = besides or {}, without, list

    def process_formdata(self, valuelist):
        written = [text for text in valuelist if text.strip()]
        if not written:
            return
        names = [*self.besides, *(code for code in tissues if code != self.without)]
        if len(written) > 1:
            raise ValueError(_("name one location."))
        self.data = written[0] if written[0] in self.besides else self._read(written[0])
        if self.data not in names:
            raise ValueError(one_of(names))

    def _read(self, text):
        try:
            return str(read_term(text, tissues))
        except Refusal:
            return None

    def words(self) -> str:
        return str(self.besides.get(self.data) or value_label("tumor_location", self.data))

    def options(self):
        known = sorted({*self.find(), self.data} - {self.without, *self.besides})
        labelled = [(code, value_label("tumor_location", code)) for code in known]
        return [
            *((code, str(label)) for code, label in self.besides.items()),
            *sorted(labelled, key=lambda one: one[1]),
        ]


def counts_of(
    participants: pd.DataFrame, references: pd.DataFrame, source: str, narrowed: dict
) -> pd.DataFrame:
    """Responders and participants, a row for each location and subtype of that source: COUNTS.

    narrowed: the values of each filter that is set, by its name.
    """
    parts = []
    if source != "published":
        counted = participants[is_counted(participants)]
        added = counted[["tumor_location", "subtype"]].assign(
            n=1, responders=has_responded(counted).astype(int)
        )
        parts.append(added)
    if source != "own":
        told = published(references, narrowed)
        parts.append(told[["tumor_location", "subtype", "n"]].assign(responders=told["x"]))
    counts = pd.concat(parts).groupby(["tumor_location", "subtype"], dropna=False, sort=True)[
        ["n", "responders"]
    ]
    return counts.sum().astype("int64").reset_index()


def published(references: pd.DataFrame, narrowed: dict) -> pd.DataFrame:
    """The published objective response rates that the filters leave."""
    told = references[references["endpoint"] == ReferenceEndpoint.ORR.value]
    for name in ANSWERED:
        if narrowed.get(name):
            told = told[told[name].isin(narrowed[name])]
    return told


def published_rate(told: pd.DataFrame) -> float | None:
    """The rate of these results together, as they were published before any rounding; None without participants."""
    if not told["n"].sum():
        return None
    rate = told["published_rate"].fillna((told["x"] / told["n"]).astype("float64"))
    return float((rate * told["n"]).sum() / told["n"].sum())


def published_notes(references: pd.DataFrame, source: str, narrowed: dict) -> list:
    """Where published numbers come from and what they cannot tell."""
    if source == "own":
        return []
    told = published(references, narrowed)
    citations = list(dict.fromkeys(told["citation"]))
    notes = [
        _l(
            "Published, unadjusted, across trials: %(results)d results of %(citations)d publications are added up;"
            " nothing is known of the single participants, and the populations differ.",
            results=len(told),
            citations=len(citations),
        )
    ]
    if citations:
        shown = "; ".join(citations[:5]) + (" …" if len(citations) > 5 else "")
        notes.append(_l("Sources: %(citations)s.", citations=shown))
    if rounded := int(told["x_is_rounded"].fillna(False).sum()):
        notes.append(
            _l(
                "Responders computed from a published rate and rounded to whole participants: %(n)d results.",
                n=rounded,
            )
        )
    if unanswered := [name for name in _UNANSWERED if narrowed.get(name)]:
        notes.append(_l("Published results cannot be narrowed by: %(names)s.", names=", ".join(unanswered)))
    return notes
