"""Response by tumor location: each against a reference, how far they differ, and what each is beside the others."""

import functools

import numpy as np
import pandas as pd
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.charts.forest import ForestRow, forest
from tracker.forms.report import ReportForm, value_label
from tracker.reads.outcome import outcomes_frame
from tracker.reads.regimen import reference_results_frame
from tracker.reports.base import Figure, Result, Table, report
from tracker.reports.columns import FEW, Shown, percent, shown_count, shown_rate, written
from tracker.reports.heterogeneity import heterogeneity, p_sentence
from tracker.reports.published import COUNTS, LocationField, counts_of, published_notes, source_field
from tracker.reports.rates import LOCATION, label_of, rate_card, shown_difference
from tracker.reports.response import response_notes
from tracker.reports.survival import shown_p
from tracker.stats.heterogeneity import exnex
from tracker.stats.proportions import clopper_pearson, newcombe_difference
from tracker.stats.survival import median_survival
from tracker.terms.participant import Subtype

BREAST = "BREAST"

COLUMNS = [*COUNTS, "orr", "orr_low", "orr_high", "difference", "difference_low", "difference_high"]
COLUMNS += ["shrunken", "shrunken_low", "shrunken_high"]

_SHRUNKEN = ["shrunken", "shrunken_low", "shrunken_high"]

METHOD = [
    _l("Limits of a rate: Clopper and Pearson, Biometrika 1934;26:404-413 (exact)."),
    _l(
        "Limits of a difference p1 − p2: Newcombe's method 10, Stat Med 1998;17:873-890: the distances to the Wilson"
        " limits of each rate, combined in quadrature."
    ),
    _l(
        "Shrunken rates: EXNEX, Neuenschwander et al., Pharm Stat 2016;15:123-134. The log odds of a"
        " location are with probability ½ exchangeable with the others, N(μ, τ), μ ~ N(logit 0.2, 2), τ ~"
        " half-normal(1), and else its own, N(logit 0.2, 2.5). Posterior mean and 95 per cent credible limits, by"
        " quadrature. A subtype takes the place of breast as a whole."
    ),
]


class LocationsForm(ReportForm):
    reference = LocationField(_l("Reference"), default=BREAST)
    source = source_field()

    def choose(self, values):
        self.reference.find = lambda: values("tumor_location")
        super().choose(values)

    @property
    def arguments(self) -> dict:
        return super().arguments | {"narrowed": {one.name: one.data for one in self.filters if one.data}}


@report(
    "locations",
    title=_l("Tumor locations"),
    about=_l(
        "Where treatment works: response by tumor location, breast by subtype, each against a reference."
    ),
    form=LocationsForm,
    reads=[outcomes_frame, reference_results_frame],
)
def build(participants, references, reference=BREAST, source="own", narrowed=None):
    """Response by location, and of breast by subtype; n: treated participants whose first assessment was due.

    narrowed: the filters that are set, which published results must meet too.
    """
    counts = counts_of(participants, references, source, narrowed or {})
    rows = _rows(counts)
    _compare(rows, reference)
    _shrink(rows)
    whole = rows[rows["subtype"].isna()]
    notes = [
        *(response_notes(participants) if source != "published" else []),
        *published_notes(references, source, narrowed or {}),
    ]
    differ = heterogeneity(whole)
    tables = [
        Table(
            "locations",
            _l("Response by tumor location"),
            rows[COLUMNS],
            _shown(reference),
            [*notes, *_said(rows, reference)],
            METHOD,
        ),
        differ,
    ]
    if source != "published":
        tables.append(_medians(participants))
    return Result(
        tables,
        figures=[_figure(rows, reference)],
        headline=_headline(whole, reference, differ),
        sentence=LazyString(_sentence, whole, reference, differ.frame),
    )


def _rows(counts) -> pd.DataFrame:
    """A row for each location in the order of their labels, and after breast one for each subtype, if one is known."""
    whole = counts.groupby("tumor_location", sort=False)[["n", "responders"]].sum().reset_index()
    whole["subtype"] = pd.Series(None, whole.index, dtype="str")
    breast = counts[(counts["tumor_location"] == BREAST) & counts["subtype"].notna()]
    known = breast["subtype"].ne(Subtype.UNKNOWN.value).any()
    rows = pd.concat([whole, breast[COUNTS] if known else breast[:0]], ignore_index=True)[COUNTS]
    order = {term.value: place for place, term in enumerate(Subtype)}
    places = rows.assign(
        label=[value_label("tumor_location", code).casefold() for code in rows["tumor_location"]],
        place=rows["subtype"].map(order).fillna(-1),
    ).sort_values(["label", "place"], kind="stable")
    rows = rows.loc[places.index].reset_index(drop=True)
    x, n = rows["responders"].to_numpy(), rows["n"].to_numpy()
    rows["orr"] = (rows["responders"] / rows["n"]).where(rows["n"] > 0)
    rows["orr_low"], rows["orr_high"] = clopper_pearson(x, n) if len(rows) else (np.nan, np.nan)
    return rows


def _compare(rows, reference):
    """Add location − reference; missing for the reference and its parts, and where one of the two is too few."""
    for name in ("difference", "difference_low", "difference_high"):
        rows[name] = np.nan
    base = rows[(rows["tumor_location"] == reference) & rows["subtype"].isna() & (rows["n"] >= FEW)]
    others = (rows["tumor_location"] != reference) & (rows["n"] >= FEW)
    if base.empty or not others.any():
        return
    part, x, n = rows[others], int(base["responders"].iloc[0]), int(base["n"].iloc[0])
    rows.loc[others, "difference"] = part["orr"] - x / n
    low, high = newcombe_difference(part["responders"].to_numpy(), part["n"].to_numpy(), x, n)
    rows.loc[others, "difference_low"], rows.loc[others, "difference_high"] = low, high


def _shrink(rows):
    """Add shrunken rates of those who are not too few: of locations, and of subtypes in the place of breast."""
    for name in _SHRUNKEN:
        rows[name] = np.nan
    enough, is_whole = rows["n"] >= FEW, rows["subtype"].isna()
    is_part = ~is_whole & enough
    runs = [(enough & is_whole, is_whole)]
    if is_part.any():
        runs.append((is_part | (enough & is_whole & (rows["tumor_location"] != BREAST)), is_part))
    for chosen, told in runs:
        if chosen.sum() < 2:
            continue
        found = exnex(rows.loc[chosen, "responders"], rows.loc[chosen, "n"])
        values = pd.DataFrame(dict(zip(_SHRUNKEN, (found.mean, found.low, found.high))), rows.index[chosen])
        kept = values.index.intersection(rows.index[told])
        rows.loc[kept, _SHRUNKEN] = values.loc[kept]


def _medians(participants) -> Table:
    """Median times by location, and of breast by subtype, of those whose time is known."""
    groups = list(participants.groupby("tumor_location", sort=False))
    parts = [(code, None, part) for code, part in groups]
    breast = participants[participants["tumor_location"] == BREAST]
    if breast["subtype"].dropna().ne(Subtype.UNKNOWN.value).any():
        parts += [(BREAST, subtype, part) for subtype, part in breast.groupby("subtype")]
    parts.sort(
        key=lambda one: (value_label("tumor_location", one[0]).casefold(), one[1] is not None, one[1] or "")
    )
    rows = [[code, subtype, *_median(part, "pfs"), *_median(part, "os")] for code, subtype, part in parts]
    columns = [f"{end}_{name}" for end in ENDPOINTS for name in ("n", "events", "median", "low", "high")]
    return Table(
        "medians",
        _l("Median survival (months)"),
        pd.DataFrame(rows, columns=["tumor_location", "subtype", *columns]).astype({"subtype": "str"}),
        {
            "tumor_location": LOCATION,
            **{
                name: shown
                for end, label in ENDPOINTS.items()
                for name, shown in _shown_median(end, label).items()
            },
        },
        [
            _l(
                "n: participants with a time and whether it ended in an event. NR: not reached; NE: not estimable."
            ),
            _l(
                "Median: the month by which half had the event. Of fewer than five participants it is not given."
            ),
        ],
        [_l("Kaplan–Meier, J Am Stat Assoc 1958;53:457-481; limits log-log, 95 %.")],
    )


ENDPOINTS = {"pfs": _l("PFS"), "os": _l("OS")}


def _shown_median(end, label) -> dict[str, Shown]:
    def text(row):
        if row[f"{end}_n"] < FEW:
            return _("too few") if row[f"{end}_n"] else "—"
        return _("NR") if row[f"{end}_median"] is None else written(row[f"{end}_median"], "0.0")

    def limits(row):
        if row[f"{end}_n"] < FEW:
            return ""
        ends = (row[f"{end}_low"], row[f"{end}_high"])
        return "({}–{})".format(*(_("NE") if one is None else written(one, "0.0") for one in ends))

    events = Shown(
        _l("%(endpoint)s: events/n", endpoint=label), lambda row: f"{row[f'{end}_events']}/{row[f'{end}_n']}"
    )
    median = Shown(
        _l("Median %(endpoint)s (95%% CI)", endpoint=label),
        text,
        {"pfs": _l("Progression-free survival"), "os": _l("Overall survival")}[end],
        limits,
    )
    return {f"{end}_events": events, f"{end}_median": median}


def _median(part, endpoint):
    known = part[part[f"{endpoint}_months"].notna() & part[f"{endpoint}_event"].notna()]
    event = known[f"{endpoint}_event"].astype(bool)
    median = median_survival(known[f"{endpoint}_months"], event) if len(known) >= FEW else (np.nan,) * 3
    return len(known), int(event.sum()), *median


def _shown(reference):
    difference = _l("Difference, points (95% CI)")
    explained = LazyString(
        lambda: _(
            "Rate of the location less that of the reference: %(name)s",
            name=value_label("tumor_location", reference),
        )
    )
    return {
        "tumor_location": LOCATION,
        "n": shown_count("n", _l("Treated"), _l("Participants in the denominator")),
        "responders": shown_count("responders", _l("Responders")),
        "orr": shown_rate(
            "orr", _l("ORR (95% CI)"), _l("Objective response rate: complete or partial response")
        ),
        "difference": shown_difference("difference", difference, explained),
        "shrunken": shown_rate(
            "shrunken",
            _l("Shrunken (95% CrI)"),
            _l("The rate when a location may borrow from the others; small groups borrow more"),
        ),
    }


def _said(rows, reference) -> list:
    notes = [
        _l(
            "Difference: location less reference, in percentage points; an interval that holds 0 shows no difference."
        ),
        _l(
            "Shrunken: what is most likely for a location when the others are counted in a little; not a"
            " second measurement."
        ),
    ]
    if rows["n"].between(1, FEW - 1).any():
        notes.append(
            _l(
                "Too few: of 1 to 4 participants only x/n and the limits are shown, and nothing is compared or"
                " shrunken."
            )
        )
    base = rows[(rows["tumor_location"] == reference) & rows["subtype"].isna()]
    if base.empty or base["n"].iloc[0] < FEW:
        notes.append(_l("The reference has too few participants for any difference."))
    return notes


def _figure(rows, reference) -> Figure:
    base = rows[(rows["tumor_location"] == reference) & rows["subtype"].isna() & (rows["n"] >= FEW)]
    draw = functools.partial(
        _draw, reference=base["orr"].iloc[0] if len(base) else None, reference_location=reference
    )
    columns = ["tumor_location", "subtype", "responders", "n", "orr", "orr_low", "orr_high", "shrunken"]
    return Figure("forest", _l("Objective response rate by tumor location"), rows[columns], draw)


def _draw(data, *, reference_location, **layout):
    names = ("responders", "n", "orr", "orr_low", "orr_high", "shrunken")
    rows = [ForestRow(label_of(row), *(row[name] for name in names)) for row in data.to_dict("records")]
    return forest(
        rows,
        estimate_label=_("ORR (95% CI)"),
        count_label=_("responders/treated"),
        reference_label=value_label("tumor_location", reference_location),
        second_label=_("○ shrunken"),
        percent=percent,
        **layout,
    )


def _headline(whole, reference, differ) -> Table | None:
    """The reference's rate, all others' together, and whether locations differ."""
    base, others = whole[whole["tumor_location"] == reference], whole[whole["tumor_location"] != reference]
    row = {"k": int((whole["n"] > 0).sum())}
    for name, part in (("reference", base), ("others", others)):
        n, x = int(part["n"].sum()), int(part["responders"].sum())
        low, high = clopper_pearson(x, n)
        row |= {f"{name}_n": n, f"{name}_x": x, name: x / n if n else np.nan}
        row |= {f"{name}_low": low, f"{name}_high": high}
    frame = differ.frame
    row["p"] = frame["p"].iloc[0] if len(frame) else np.nan
    return Table(
        "total",
        _l("In short"),
        pd.DataFrame([row]),
        {
            "k": Shown(
                _l("Locations"),
                lambda row: str(row["k"]),
                sentence=lambda row: _("With at least one participant who can be counted."),
            ),
            "reference": rate_card("reference", LazyString(lambda: value_label("tumor_location", reference))),
            "others": rate_card("others", _l("All other locations together")),
            "p": Shown(
                _l("Do they differ? (p)"),
                lambda row: shown_p(row["p"]),
                detail=lambda row: _("likelihood ratio") if row["p"] is not None else "",
                sentence=lambda row: p_sentence(row["p"]),
            ),
        },
    )


def _sentence(whole, reference, tests) -> str:
    """What the page says, in words that need no statistics."""
    told = whole[whole["n"] >= FEW].sort_values("orr")
    if told.empty:
        return _("No location has enough participants for a rate.")
    said = [
        _(
            "The highest rate is in %(best)s (%(high)s), the lowest in %(worst)s (%(low)s).",
            best=value_label("tumor_location", told["tumor_location"].iloc[-1]),
            high=percent(told["orr"].iloc[-1]),
            worst=value_label("tumor_location", told["tumor_location"].iloc[0]),
            low=percent(told["orr"].iloc[0]),
        )
    ]
    base = told[told["tumor_location"] == reference]
    if len(base):
        apart = int((told["difference_low"].gt(0) | told["difference_high"].lt(0)).sum())
        said.append(
            _(
                "%(name)s responds in %(rate)s; of %(k)d other locations, %(apart)d differ from it by more than"
                " chance explains.",
                name=value_label("tumor_location", reference),
                rate=percent(base["orr"].iloc[0]),
                k=len(told) - 1,
                apart=apart,
            )
        )
    if len(tests):
        said.append(p_sentence(tests["p"].iloc[0]))
    return " ".join(said)
