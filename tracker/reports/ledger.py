"""How the lines of the combinations' ledger are told: in sentences, as columns, and on cards."""

import pandas as pd
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.forms.report import value_label
from tracker.reports.base import Table
from tracker.reports.columns import FEW, Shown, percent, shown_count, shown_group, shown_text, written
from tracker.rules.combination import Entry
from tracker.terms.regimen import CombinationVerdict, ResultSource


def verdict_code(entry: Entry) -> str:
    verdict = entry.verdict
    if verdict is CombinationVerdict.NOT_ASSESSABLE:
        return f"{verdict.value}: {_reason(entry)}"
    return verdict.value


def _reason(entry: Entry) -> str:
    """What is missing, after "not assessable:"."""
    reasons = []
    if entry.missing:
        place = value_label("tumor_location", entry.tumor_location)
        agents = ", ".join(entry.missing)
        reasons.append(_("no result of %(agents)s alone in %(place)s", agents=agents, place=place))
    if entry.few:
        counts = ", ".join(
            _(
                "%(n)d with %(name)s",
                n=group.n,
                name=_("the combination") if group is entry.observed else group.name,
            )
            for group in entry.few
        )
        reasons.append(_("too few participants (%(counts)s)", counts=counts))
    return "; ".join(reasons)


# ------------------------------------------------------------------------------------------- in words


def _points(fraction) -> str:
    """A difference of rates, without its sign."""
    return written(100 * abs(fraction), "0.0")


def _range_in_words(low, high) -> str:
    """The limits of a difference, in points."""
    if low > 0:
        return _("from %(low)s to %(high)s points more", low=_points(low), high=_points(high))
    if high < 0:
        return _("from %(high)s to %(low)s points fewer", low=_points(low), high=_points(high))
    return _("from %(low)s points fewer to %(high)s points more", low=_points(low), high=_points(high))


def _said_observed(row) -> str:
    if not row["n"]:
        return _("Nobody can be counted yet.")
    counted = _("%(x)s of %(n)s participants responded.", x=row["responders"], n=row["n"])
    if row["n"] < FEW:
        return counted
    agrees = _(
        "The data agree with any true rate from %(low)s to %(high)s.",
        low=percent(row["low"]),
        high=percent(row["high"]),
    )
    return f"{counted} {agrees}"


def _said_expected(row, entry: Entry) -> str:
    if row["expected"] is None:
        return ""
    return _(
        "Would respond if each agent (%(agents)s) helped whom it helps alone, and none made another work better.",
        agents=", ".join(f"{one.name} {percent(one.rate)}" for one in entry.components),
    )


def _said_excess(row) -> str:
    if row["excess"] is None:
        return ""
    return _(
        "By so much the combination differs from that; the data agree with anything %(range)s.",
        range=_range_in_words(row["excess_low"], row["excess_high"]),
    )


def _said_difference(row) -> str:
    if row["difference"] is None:
        return ""
    return _(
        "By so much it differs from %(agent)s alone; the data agree with anything %(range)s.",
        agent=row["best_component"],
        range=_range_in_words(row["difference_low"], row["difference_high"]),
    )


def said_verdict(entry: Entry) -> str:
    if entry.verdict is CombinationVerdict.NOT_ASSESSABLE:
        return _("Not assessable: %(why)s.", why=_reason(entry))
    return f"{entry.verdict.label}."


def verdict_of(entry: Entry) -> dict:
    return {"code": verdict_code(entry), "text": said_verdict(entry)}


def in_words(entries, rows) -> Table:
    """Each line of the ledger as sentences. rows: the frame of the lines."""
    words = []
    for entry, row in zip(entries, Table("", "", rows).rows):
        said = [said_verdict(entry), _said_observed(row)]
        if row["expected"] is not None:
            said += [
                _("Independent action expects %(rate)s.", rate=percent(row["expected"])),
                _(
                    "Excess: %(range)s than that.",
                    range=_range_in_words(row["excess_low"], row["excess_high"]),
                ),
                _(
                    "Against %(agent)s alone: %(range)s.",
                    agent=row["best_component"],
                    range=_range_in_words(row["difference_low"], row["difference_high"]),
                ),
            ]
        words.append([entry.regimen, entry.tumor_location, " ".join(said)])
    return Table(
        "in_words",
        _l("The same in words"),
        pd.DataFrame(words, columns=["regimen", "tumor_location", "words"]),
        shown={
            "regimen": shown_group("regimen"),
            "tumor_location": shown_group("tumor_location"),
            "words": shown_text("words", _l("What the data say"), is_prose=True),
        },
        notes=[_l("Limits: 95 %; points are percentage points.")],
    )


# ------------------------------------------------------------------------------------------- as it is shown


def rate_text(row):
    if row["observed"] is None:
        return "—"
    return f"{row['responders']}/{row['n']}" if row["n"] < FEW else percent(row["observed"])


def limits_text(row, low, high):
    if row[low] is None or row[high] is None:
        return ""
    return "({}–{})".format(*(written(100 * row[name], "0.0") for name in (low, high)))


def _signed(fraction) -> str:
    """A difference in points, with a sign that is as wide as a digit."""
    return written(100 * fraction, "+0.0;−0.0")


def _shown_points(name, label, explanation="", sentence=lambda row: ""):
    def detail(row):
        if row[name] is None:
            return ""
        low, high = (_signed(row[f"{name}_{end}"]) for end in ("low", "high"))
        return _("(%(low)s to %(high)s)", low=low, high=high)

    return Shown(
        label,
        lambda row: "—" if row[name] is None else _signed(row[name]),
        explanation,
        detail,
        fractions=(name, f"{name}_low", f"{name}_high"),
        sentence=sentence,
    )


_CAUTIONS = {
    "subtype": _l("subtypes differ"),
    "prior_lines": _l("prior lines differ"),
    "selection": _l("selection differs"),
    "confirmation": _l("confirmation differs"),
    "scan interval": _l("scan intervals differ"),
    "own beside published": _l("own beside published"),
}


def _shown_source(row) -> str:
    told = []
    for word in row["source"].split("; "):
        name, _colon, source = word.rpartition(": ")
        name = _("observed") if name == "observed" else name
        short = str(SHORT[source])
        told.append(_("%(name)s: %(what)s", name=name, what=short) if name else short)
    if row["caution"] is not None:
        cautions = ", ".join(str(_CAUTIONS[one]) for one in row["caution"].split("; "))
        told.append(_("careful: %(cautions)s", cautions=cautions))
    return "; ".join(told)


SHORT = {
    ResultSource.OWN.value: _l("own"),
    ResultSource.CONCURRENT.value: _l("concurrent"),
    ResultSource.HISTORICAL.value: _l("historical"),
    ResultSource.PUBLISHED.value: _l("published"),
}


def _shown_verdict(row) -> str:
    code, _colon, reason = row["verdict"].partition(": ")
    label = str(CombinationVerdict(code).label)
    if reason:
        return _("%(name)s: %(what)s", name=label, what=reason)
    return _("%(verdict)s; best alone: %(agent)s", verdict=label, agent=row["best_component"])


def shown_ledger(ids):
    def regimen_link(row):
        return {"endpoint": "regimen.show", "id": ids[row["regimen"]]} if row["regimen"] in ids else None

    return {
        "regimen": Shown(
            _l("Regimen"), lambda row: row["regimen"], is_number=False, link=regimen_link, is_prose=False
        ),
        "tumor_location": shown_group("tumor_location"),
        "n": shown_count("n", _l("n"), _l("Participants in the denominator")),
        "observed": Shown(
            _l("Observed (95% CI)"),
            rate_text,
            _l("Objective response rate of the combination"),
            lambda row: limits_text(row, "low", "high"),
            fractions=("observed", "low", "high"),
        ),
        "expected": Shown(
            _l("Expected"),
            lambda row: "—" if row["expected"] is None else percent(row["expected"]),
            _l("By independent action of the components: 1 − Π(1 − p)"),
            fractions=("expected",),
        ),
        "excess": _shown_points("excess", _l("Excess (95% CI)"), _l("Observed − expected, in points")),
        "difference": _shown_points(
            "difference",
            _l("Difference (95% CI)"),
            _l("Observed − best component, in points"),
        ),
        "verdict": Shown(_l("Verdict"), _shown_verdict, is_number=False, is_prose=True),
        "source": Shown(
            _l("Source"),
            _shown_source,
            _l(
                "Of the observed rate and of each component, and what else differs between them than the treatment"
            ),
            is_number=False,
            is_prose=True,
        ),
    }


def cards(entry: Entry):
    """The numbers of a single line with a sentence under each."""
    shown = shown_ledger({})
    best = entry.best.name if entry.best else None
    against = _l("Against %(agent)s alone", agent=best) if best else _l("Against the best component")
    return {
        "observed": Shown(
            _l("Observed"), rate_text, detail=shown["observed"].detail, sentence=_said_observed
        ),
        "expected": Shown(
            _l("Expected"), shown["expected"].text, sentence=lambda row: _said_expected(row, entry)
        ),
        "excess": _shown_points("excess", _l("Excess, in points"), sentence=_said_excess),
        "difference": _shown_points("difference", against, sentence=_said_difference),
    }
