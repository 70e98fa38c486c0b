"""How rates of locations and their differences are printed, with a sentence for those who are no statisticians."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.forms.report import value_label
from tracker.reports.columns import FEW, Shown, percent, written


def label_of(row) -> str:
    """A location, or breast with its subtype, in the reader's words."""
    name = value_label("tumor_location", row["tumor_location"])
    subtype = row.get("subtype")
    if subtype is None or subtype != subtype:
        return name
    return _("%(name)s: %(what)s", name=name, what=value_label("subtype", subtype))


LOCATION = Shown(_l("Tumor location"), label_of, is_number=False)


def points(fraction, decimals=1) -> str:
    """A difference of rates in percentage points, with its sign."""
    number = written(abs(100 * fraction), "0." + "0" * decimals)
    return f"{'−' if fraction < 0 else '+'}{number}"


def shown_difference(name, label, explanation="") -> Shown:
    """A difference of rates in points, with its limits from the columns name_low and name_high."""

    def detail(row):
        if row[name] is None or row[f"{name}_low"] is None:
            return ""
        return _("(%(low)s to %(high)s)", low=points(row[f"{name}_low"]), high=points(row[f"{name}_high"]))

    return Shown(
        label,
        lambda row: "—" if row[name] is None else points(row[name]),
        explanation,
        detail,
        fractions=(name, f"{name}_low", f"{name}_high"),
    )


def rate_card(name, label) -> Shown:
    """A rate on a card, from the columns name, name_n, name_x, name_low and name_high."""

    def text(row):
        if row[f"{name}_n"] == 0:
            return "—"
        return percent(row[name]) if row[f"{name}_n"] >= FEW else f"{row[f'{name}_x']}/{row[f'{name}_n']}"

    def detail(row):
        if row[f"{name}_n"] == 0:
            return _("no evaluable patients")
        limits = (written(100 * row[f"{name}_{end}"], "0.0") for end in ("low", "high"))
        counts = (written(row[f"{name}_{one}"], "#,##0") for one in ("x", "n"))
        return "{}/{} ({}–{})".format(*counts, *limits)

    def sentence(row):
        if not row[f"{name}_n"] > 0:
            return _("Nobody can be counted.")
        if row[f"{name}_n"] < FEW:
            return _("Too few to speak of a rate.")
        return _("About %(x)d of 100 responded.", x=round(100 * row[name]))

    return Shown(label, text, detail=detail, sentence=sentence)
