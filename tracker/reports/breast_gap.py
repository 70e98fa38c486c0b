"""Why breast responds less: the gap to a reference, what differs, and how much of it is mix or response."""

import numpy as np
import pandas as pd
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.forms.report import FilterField, ReportForm
from tracker.reads.biomarker import assay_cutoffs, assays_frame, baseline_values_frame
from tracker.reads.characteristics import characteristics_frame
from tracker.reads.outcome import outcomes_frame
from tracker.reads.regimen import reference_results_frame
from tracker.reports.base import Result, Table, report
from tracker.reports.columns import Shown, percent, written
from tracker.reports.gap_factors import Groups, biology, not_biology, not_measured
from tracker.reports.gap_figures import (
    OTHERS,
    Gap,
    bridge_figure,
    forest_figure,
    group_label,
    rate_of,
    reference_label,
)
from tracker.reports.published import (
    LocationField,
    counts_of,
    published,
    published_notes,
    published_rate,
    source_field,
)
from tracker.reports.rates import points, rate_card, shown_difference
from tracker.reports.response import has_responded, is_counted, response_notes
from tracker.reports.split import Split, gap_table, split_of, standardised_table, within_table
from tracker.reports.strata import (
    PRIOR_LINES,
    StrataField,
    read_division,
    strata_frame,
    strata_table,
    stratum_of,
    thin_notes,
)
from tracker.rules.gap import RULE, is_thin
from tracker.terms.location import GapClaim
from tracker.terms.participant import Subtype

BREAST = "BREAST"


class BreastSubtypeField(FilterField):
    """Narrows breast alone: the reference has no subtypes."""

    narrows = False


class BreastGapForm(ReportForm):
    subtype = BreastSubtypeField(_l("Subtype"), Subtype)
    reference = LocationField(
        _l("Reference"), besides={OTHERS: _l("All other locations")}, without=BREAST, default=OTHERS
    )
    strata = StrataField(_l("Strata"))
    source = source_field()

    def choose(self, values):
        self.reference.find = lambda: values("tumor_location")
        self.strata.find = lambda: values("marker")
        self.strata.cutoffs = assay_cutoffs
        try:
            self.strata.choose()
        except ValueError as error:
            self.strata.process_errors.append(str(error))
        super().choose(values)

    @property
    def uses_marker(self) -> bool:
        return True

    @property
    def arguments(self) -> dict:
        """The shared marker with its cutoff is one more way to divide."""
        narrowed = {one.name: one.data for one in self.filters if one.data and one.narrows}
        marker = [f"{self.marker.data}>={self.cutoff.data:g}"] if self.marker.data else []
        strata = list(dict.fromkeys([*self.strata.data, *marker]))
        return super().arguments | {"strata": strata, "subtype": self.subtype.data, "narrowed": narrowed}


@report(
    "breast-gap",
    title=_l("Breast gap"),
    about=_l("Whether breast responds less than other tumors, what differs, and what nobody measured."),
    form=BreastGapForm,
    reads=[
        outcomes_frame,
        baseline_values_frame,
        characteristics_frame,
        assays_frame,
        reference_results_frame,
    ],
)
def build(
    participants,
    values,
    characteristics,
    assays,
    references,
    reference=OTHERS,
    strata=(),
    source="own",
    subtype=(),
    narrowed=None,
):
    """The gap, its candidates, and Kitagawa's split of it; n: treated participants whose first assessment was due.

    strata: ways to divide, as StrataField reads them; without any, prior lines. narrowed: the filters that are set.
    """
    narrowed = narrowed or {}
    gaps = _gaps(counts_of(participants, references, source, narrowed), reference, subtype)
    notes = published_notes(references, source, narrowed)
    if source != "own":
        rates = None
        if source == "published":
            told = published(references, narrowed)
            rates = [
                published_rate(told[one])
                for one in (_is_breast(told, subtype), _is_reference(told, reference))
            ]
        return _unsplit(gaps, reference, source, notes, rates)
    chosen = {} if strata else {"strata": [PRIOR_LINES]}
    strata = list(strata) or [PRIOR_LINES]
    people = participants[is_counted(participants)].merge(
        characteristics.drop(columns="trial_id"), on="participant_id", how="left"
    )
    people = people.assign(responded=has_responded(people))
    people["stratum"] = stratum_of(people, values, assays, [read_division(one) for one in strata])
    groups = Groups(
        people[_is_breast(people, subtype)], people[_is_reference(people, reference)], values, assays
    )
    frame = strata_frame(groups.breast, groups.reference)
    split = split_of(frame, len(groups.breast) + len(groups.reference), gaps[0].claim)
    thin = frame.loc[is_thin(frame["n_breast"], frame["n_reference"]), "stratum"].tolist()
    thin_strata = thin_notes(frame)
    reasons = [*thin_strata, *split.notes]
    tables = [
        _gaps_table(gaps, reference, [*response_notes(participants), *notes]),
        not_biology(groups),
        biology(groups),
        strata_table(frame, [*thin_strata, *split.left_out]),
        within_table(frame),
        gap_table(split, reasons),
        standardised_table(split, frame, reasons),
        not_measured(groups, thin),
    ]
    return Result(
        tables,
        figures=[bridge_figure(gaps[0], split, reference), forest_figure(gaps, frame, reference)],
        verdict=_verdict(gaps[0], reference, source),
        headline=_headline(gaps[0], split, reference),
        sentence=LazyString(_sentence, gaps[0], split, bool(thin)),
        principal="gap",
        says_once=True,
        chosen=chosen,
    )


def _unsplit(gaps, reference, source, notes, rates) -> Result:
    """What published rates tell: the gap alone, under its heading. rates: as published, of breast and reference."""
    split = Split.none(
        gaps[0], [_l("Published rates tell nothing of single participants: the gap cannot be split.")]
    )
    frame = strata_frame(
        *[pd.DataFrame({"stratum": pd.Series(dtype="str"), "responded": pd.Series(dtype=bool)})] * 2
    )
    return Result(
        [
            _gaps_table(gaps, reference, notes),
            gap_table(split, split.notes),
            strata_table(frame, split.notes),
        ],
        figures=[bridge_figure(gaps[0], split, reference), forest_figure(gaps, frame, reference)],
        verdict=_verdict(gaps[0], reference, source, rates),
        headline=_headline(gaps[0], split, reference),
        sentence=LazyString(_sentence, gaps[0], split, False),
        principal="gap",
        says_once=True,
    )


def _is_breast(people, subtype):
    is_breast = people["tumor_location"] == BREAST
    return is_breast & people["subtype"].isin(subtype) if subtype else is_breast


def _is_reference(people, reference):
    if reference == OTHERS:
        return people["tumor_location"] != BREAST
    return people["tumor_location"] == reference


def _gaps(counts, reference, subtype) -> list[Gap]:
    """Of all breast that is asked for, and of each subtype where one is known."""
    told = counts[_is_reference(counts, reference)]
    base = int(told["responders"].sum()), int(told["n"].sum())
    breast = counts[_is_breast(counts, subtype)]
    gaps = [Gap("all", int(breast["responders"].sum()), int(breast["n"].sum()), *base)]
    known = {term.value: place for place, term in enumerate(Subtype)}
    parts = breast[breast["subtype"].notna()].sort_values("subtype", key=lambda names: names.map(known))
    if parts["subtype"].ne(Subtype.UNKNOWN.value).any():
        for row in parts.to_dict("records"):
            gaps.append(Gap(row["subtype"], row["responders"], row["n"], *base))
    return gaps


def _gaps_table(gaps, reference, notes) -> Table:
    rows = []
    for gap in gaps:
        row = [gap.group, gap.n, gap.x, *rate_of(gap.x, gap.n)]
        row += [gap.reference_n, gap.reference_x, *rate_of(gap.reference_x, gap.reference_n)]
        rows.append([*row, *gap.difference, gap.claim.value])
    columns = ["group"]
    for name in ("breast", "reference"):
        columns += [f"{name}_n", f"{name}_x", name, f"{name}_low", f"{name}_high"]
    columns += ["estimate", "estimate_low", "estimate_high", "claim"]
    return Table(
        "gaps",
        _l("The gap"),
        pd.DataFrame(rows, columns=columns),
        {
            "group": Shown(_l("Breast"), lambda row: group_label(row["group"]), is_number=False),
            "breast": rate_card("breast", _l("ORR in breast (95% CI)")),
            "reference": rate_card(
                "reference", LazyString(lambda: _("ORR: %(name)s", name=reference_label(reference)))
            ),
            "estimate": shown_difference(
                "estimate", _l("Gap, points (95% CI)"), _l("Rate of the reference less that of breast")
            ),
            "claim": Shown(
                _l("What may be said"), lambda row: str(GapClaim(row["claim"]).label), is_number=False
            ),
        },
        [*notes, _l("Gap: of 100 treated, how many fewer respond in breast than in the reference.")],
        [
            _l(
                "Rates: Clopper and Pearson, Biometrika 1934;26:404-413. Gap = reference − breast, limits"
                " by Newcombe's method 10, Stat Med 1998;17:873-890."
            ),
            *RULE,
        ],
    )


def _verdict(gap, reference, source, rates=None) -> dict:
    numbers = {
        "said": str(_SAID[gap.claim]),
        "x": _counted(gap.x),
        "n": _counted(gap.n),
        "other": _counted(gap.reference_x),
        "m": _counted(gap.reference_n),
        "reference": _("all other locations") if reference == OTHERS else reference_label(reference),
    }
    if gap.claim is GapClaim.TOO_FEW:
        said = _(
            "%(said)s: %(x)s/%(n)s responded in breast, %(other)s/%(m)s in the reference (%(reference)s).",
            **numbers,
        )
    elif rates is not None:
        difference, low, high = map(_plain, gap.difference)
        said = _(
            "%(said)s: %(rate)s of %(n)s responded in breast and %(other_rate)s of %(m)s in the reference"
            " (%(reference)s); the gap is %(gap)s percentage points (%(low)s to %(high)s), from %(x)s and"
            " %(other)s responders.",
            rate=percent(rates[0]),
            other_rate=percent(rates[1]),
            gap=difference,
            low=low,
            high=high,
            **numbers,
        )
    else:
        difference, low, high = map(_plain, gap.difference)
        said = _(
            "%(said)s: %(x)s of %(n)s (%(rate)s) responded in breast and %(other)s of %(m)s (%(other_rate)s) in the"
            " reference (%(reference)s); the gap is %(gap)s percentage points (%(low)s to %(high)s).",
            rate=percent(gap.x / gap.n),
            other_rate=percent(gap.reference_x / gap.reference_n),
            gap=difference,
            low=low,
            high=high,
            **numbers,
        )
    heading = _HEADINGS.get(source)
    return {"code": gap.claim.value, "text": f"{heading} {said}" if heading else said}


def _counted(number) -> str:
    return written(number, "#,##0")


_HEADINGS = {
    "published": _l("Published, unadjusted, across trials."),
    "both": _l("Own and published together, unadjusted, across trials."),
}

_SAID = {
    GapClaim.LESS: _l("Breast responds less"),
    GapClaim.MORE: _l("Breast responds more"),
    GapClaim.NOT_ESTABLISHED: _l("A difference is not established"),
    GapClaim.TOO_FEW: _l("Too few participants to compare"),
}


def _plain(fraction) -> str:
    """Points without a plus."""
    return points(fraction).removeprefix("+")


def _sentence(gap, split, has_thin) -> str:
    """The verdict in words that need no statistics."""
    if gap.claim is GapClaim.TOO_FEW:
        return _("With so few participants nothing can be said about a difference.")
    if gap.claim is GapClaim.NOT_ESTABLISHED:
        said = [_("These data cannot tell whether breast truly responds less: the difference may be chance.")]
    elif gap.claim is GapClaim.LESS:
        fewer = round(100 * gap.difference[0])
        said = [
            _(
                "Of 100 treated, about %(n)d fewer respond in breast; chance alone does not explain that.",
                n=fewer,
            )
        ]
    else:
        said = [_("Breast responds more often than the reference; chance alone does not explain that.")]
    if split.shares:
        said.append(
            _(
                "About %(mix)s of the gap goes with another mix of strata, and about %(response)s with a"
                " lower response within the same stratum.",
                mix=percent(split.shares[0], 0),
                response=percent(split.shares[1], 0),
            )
        )
    elif has_thin:
        said.append(_("Some strata have too few participants to say where a gap would come from."))
    return " ".join(said)


def _headline(gap, split, reference) -> Table:
    difference, low, high = gap.difference
    row = {
        "breast_n": gap.n,
        "breast_x": gap.x,
        "reference_n": gap.reference_n,
        "reference_x": gap.reference_x,
    }
    for name, x, n in (("breast", gap.x, gap.n), ("reference", gap.reference_x, gap.reference_n)):
        row |= dict(zip((name, f"{name}_low", f"{name}_high"), rate_of(x, n)))
    row |= {"gap": difference, "gap_low": low, "gap_high": high, "standardised": np.nan}
    cards = {
        "breast": rate_card("breast", _l("Breast")),
        "reference": rate_card("reference", LazyString(reference_label, reference)),
        "gap": _card("gap", _l("Gap, points"), lambda row: _gap_sentence(gap.claim)),
    }
    if split.mix is not None and split.breast[1] + split.reference[1] < gap.n + gap.reference_n:
        row |= dict(zip(("known", "known_low", "known_high"), split.total))
        cards["known"] = _card("known", _l("Gap, stratum known"), _known_sentence)
    for name, sentence in (("mix", _mix_sentence), ("response", _response_sentence)):
        part = getattr(split, name)
        if part is not None:
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), part))
            cards[name] = _card(name, _PARTS[name], sentence)
    return Table("total", _l("In short"), pd.DataFrame([row]), cards)


_PARTS = {"mix": _l("Of it: mix, points"), "response": _l("Of it: response, points")}


def _card(name, label, sentence) -> Shown:
    shown = shown_difference(name, label)
    return Shown(label, shown.text, detail=shown.detail, sentence=sentence, fractions=shown.fractions)


def _gap_sentence(claim):
    return {
        GapClaim.LESS: _("Fewer respond in breast, by more than chance explains."),
        GapClaim.MORE: _("More respond in breast, by more than chance explains."),
        GapClaim.NOT_ESTABLISHED: _("The interval holds 0: there may be no gap."),
        GapClaim.TOO_FEW: _("Too few to compare."),
    }[claim]


def _known_sentence(row):
    return _("The gap among those whose stratum is known; mix and response add up to it.")


def _mix_sentence(row):
    return _("What the gap would be if both responded alike in each stratum.")


def _response_sentence(row):
    return _("What the gap would be if both had the same mix of strata.")
