"""The gap split into mix and response within strata, and breast at the reference's mix: Kitagawa with its guards."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from flask_babel import lazy_gettext as _l

from tracker.reports.base import Table
from tracker.reports.columns import Shown, percent, written
from tracker.reports.rates import shown_difference
from tracker.reports.survival import shown_p
from tracker.rules.gap import FEWEST_OUTCOMES, RULE, gap_claim, is_thin
from tracker.stats.decomposition import bootstrap_kitagawa, kitagawa, mantel_haenszel, standardised_rate
from tracker.stats.proportions import clopper_pearson, newcombe_difference
from tracker.terms.location import GapClaim

#: Draws of the bootstrap.
DRAWS = 10_000

METHOD = [
    _l(
        "Kitagawa, J Am Stat Assoc 1955;50:1168-1194. With shares w and rates r of the strata: mix = Σ"
        " (w_ref − w_breast) (r_ref + r_breast)/2; response = Σ (r_ref − r_breast) (w_ref + w_breast)/2;"
        " their sum is the gap. This is the twofold Oaxaca–Blinder decomposition with weight ½."
    ),
    _l(
        "Limits of mix and response: percentiles of 10,000 bootstrap draws of each group's participants (Efron and"
        " Tibshirani 1993, chapter 13), from a fixed seed; of the total: Newcombe, Stat Med 1998;17:873-890."
    ),
    *RULE,
]

_ESTIMATE = ["estimate", "low", "high"]


@dataclass
class Split:
    """The gap among those whose stratum is known, and its parts with limits; None where they cannot be told apart.

    breast, reference: responders and participants of these. shares: of mix and of response in the gap, where it is
    established. notes: why not; left_out: who has no stratum.
    """

    total: tuple
    mix: tuple | None = None
    response: tuple | None = None
    shares: tuple | None = None
    breast: tuple = (0, 0)
    reference: tuple = (0, 0)
    notes: list = field(default_factory=list)
    left_out: list = field(default_factory=list)

    @classmethod
    def none(cls, gap, notes):
        """A gap that cannot be split."""
        return cls(
            gap.difference, breast=(gap.x, gap.n), reference=(gap.reference_x, gap.reference_n), notes=notes
        )


def split_of(frame: pd.DataFrame, participants: int, claim: GapClaim) -> Split:
    """Split by strata. frame: of `strata_frame`; participants: all, with or without a stratum; claim: of all."""
    n, x, m, y = (frame[name].to_numpy() for name in ("n_breast", "x_breast", "n_reference", "x_reference"))
    notes, unknown = [], []
    if left_out := participants - int(n.sum() + m.sum()):
        unknown.append(
            _l(
                "Participants whose stratum is not known, and who are left out of the strata: %(n)d. The"
                " gap of all stands in the first table.",
                n=left_out,
            )
        )
    breast, reference = (int(x.sum()), int(n.sum())), (int(y.sum()), int(m.sum()))
    if is_thin(breast[1], reference[1]):
        few = _l("Fewer than five participants of a group have a known stratum: the gap is not split.")
        return Split(
            (np.nan,) * 3, breast=breast, reference=reference, notes=[*unknown, few], left_out=unknown
        )
    limits = newcombe_difference(*reference, *breast)
    total = (reference[0] / reference[1] - breast[0] / breast[1], *map(float, limits))
    notes += unknown
    found = Split(total, breast=breast, reference=reference, notes=notes, left_out=unknown)
    if is_thin(n, m).any():
        return found
    parts, drawn = kitagawa(x, n, y, m), bootstrap_kitagawa(x, n, y, m, draws=DRAWS)
    found.mix = (float(parts.mix), *drawn.mix)
    found.response = (float(parts.response), *drawn.response)
    if drawn.patched:
        notes.append(
            _l(
                "Bootstrap draws in which a stratum of a group was empty and took the rate of the full"
                " sample: %(n)d of %(draws)d.",
                n=drawn.patched,
                draws=drawn.draws,
            )
        )
    established = (GapClaim.LESS, GapClaim.MORE)
    if claim in established and gap_claim(breast[1], reference[1], *total[1:]) in established:
        found.shares = (found.mix[0] / total[0], found.response[0] / total[0])
    else:
        notes.append(_l("A difference is not established, so no shares of it are given."))
    return found


def gap_table(split: Split, notes: list) -> Table:
    """`gap`: total, mix and response, in this order."""
    none = (np.nan,) * 3
    shares = (1.0, *split.shares) if split.shares else none
    parts = zip(
        ("total", "mix", "response"), (split.total, split.mix or none, split.response or none), shares
    )
    frame = pd.DataFrame(
        [[part, *limits, share] for part, limits, share in parts], columns=["part", *_ESTIMATE, "share"]
    )
    names = {
        "total": _l("Gap of those whose stratum is known"),
        "mix": _l("Mix: breast has other strata"),
        "response": _l("Response: lower within the same stratum"),
    }
    return Table(
        "gap",
        _l("How much of the gap is mix, and how much response"),
        frame,
        {
            "part": Shown(_l("Part"), lambda row: str(names[row["part"]]), is_number=False),
            "estimate": _shown_limits(_l("Points (95% CI)"), signed=True),
            "share": Shown(
                _l("Share"), lambda row: "—" if row["share"] is None else percent(row["share"], 0), fractions=("share",)
            ),
        },
        [
            *notes,
            _l("Mix: how many points go with breast having other strata than the reference."),
            _l("Response: how many points go with breast responding otherwise within the same stratum."),
        ],
        METHOD,
    )  # fmt: skip


def standardised_table(split: Split, frame: pd.DataFrame, notes: list) -> Table:
    """Breast as observed, breast at the reference's mix, and the reference."""
    rows = []
    for what, (x, n) in (("breast", split.breast), ("reference", split.reference)):
        rows.append([what, x / n if n else np.nan, *map(float, clopper_pearson(x, n))])
    values = (np.nan,) * 3
    if split.mix is not None:
        found = standardised_rate(frame["x_breast"], frame["n_breast"], frame["n_reference"])
        values = found.rate, found.low, found.high
    rows.insert(1, ["breast at the reference's mix", *values])
    names = {
        "breast": _l("Breast, as observed"),
        "breast at the reference's mix": _l("Breast, if it had the reference's mix"),
        "reference": _l("Reference, as observed"),
    }
    return Table(
        "standardised",
        _l("Breast at the reference's mix"),
        pd.DataFrame(rows, columns=["what", *_ESTIMATE]),
        {
            "what": Shown(_l("Group"), lambda row: str(names[row["what"]]), is_number=False),
            "estimate": _shown_limits(_l("ORR (95% CI)")),
        },
        [
            *(notes if split.mix is None else []),
            _l("What would be seen if breast had the reference's strata, and each responded as breast does now."),
        ],
        [
            _l(
                "Direct standardisation: Σ w_ref r_breast, with binomial standard errors: Fleiss, Levin and"
                " Paik, Statistical Methods for Rates and Proportions, 2003, chapter 19. Limits of observed"
                " rates: Clopper–Pearson."
            )
        ],
    )  # fmt: skip


def within_table(frame: pd.DataFrame) -> Table:
    """What the strata have in common: whether breast still responds less. Of strata that are not thin."""
    enough = ~is_thin(frame["n_breast"], frame["n_reference"])
    used = frame[enough]
    rows = []
    if len(used):
        counts = (used[name].to_numpy() for name in ("x_reference", "n_reference", "x_breast", "n_breast"))
        found = mantel_haenszel(*counts)
        limits = (found.difference_low, found.difference_high) if _has_outcomes(used) else (np.nan, np.nan)
        rows.append(["difference", found.difference, *limits, found.p, len(used)])
        rows.append(["odds ratio", found.odds_ratio, found.low, found.high, found.p, len(used)])
    names = {
        "difference": _l("Gap within strata, points"),
        "odds ratio": _l("Odds of response, reference over breast"),
    }
    notes = [
        _l("Read: comparing only participants of one stratum with each other, how far breast lies behind."),
        _l("p: how often strata would differ at least so much if breast responded alike in each."),
    ]
    if len(used) and not _has_outcomes(used):
        notes.insert(
            0,
            _l(
                "Fewer than %(n)d responders, or others, in a group: the gap in common to the strata has no"
                " limits. Each stratum has its own in the table above.",
                n=FEWEST_OUTCOMES,
            ),
        )
    if not enough.all():
        left_out = ", ".join(frame.loc[~enough, "stratum"])
        notes.insert(0, _l("Strata that are too few, and left out here: %(names)s.", names=left_out))
    return Table(
        "within",
        _l("Does breast still respond less within the same stratum?"),
        pd.DataFrame(rows, columns=["measure", *_ESTIMATE, "p", "strata"]),
        {
            "measure": Shown(
                _l("In common to the strata"), lambda row: str(names[row["measure"]]), is_number=False
            ),
            "estimate": Shown(_l("Estimate (95% CI)"), _within_text, detail=_within_limits),
            "p": Shown(_l("p"), lambda row: shown_p(row["p"])),
            "strata": Shown(_l("Strata"), lambda row: str(row["strata"])),
        },
        notes,
        [
            _l(
                "Mantel and Haenszel, J Natl Cancer Inst 1959;22:719-748; limits of the odds ratio: Robins,"
                " Breslow and Greenland, Biometrics 1986;42:311-323; of the difference: Sato, Biometrics"
                " 1989;45:1323-1324; p by the Cochran–Mantel–Haenszel test without continuity correction."
            )
        ],
    )


def _has_outcomes(used) -> bool:
    """Whether both groups have responders and others enough for normal limits."""
    return all(
        FEWEST_OUTCOMES <= used[f"x_{name}"].sum() <= used[f"n_{name}"].sum() - FEWEST_OUTCOMES
        for name in ("breast", "reference")
    )


def _within_text(row):
    if row["estimate"] is None:
        return "—"
    if row["measure"] == "difference":
        return _POINTS.text(row)
    return written(row["estimate"], "0.00")


def _within_limits(row):
    if row["low"] is None:
        return ""
    if row["measure"] == "difference":
        return _POINTS.detail(row | {"estimate_low": row["low"], "estimate_high": row["high"]})
    return f"({written(row['low'], '0.00')}–{written(row['high'], '0.00')})"


_POINTS = shown_difference("estimate", "")


def _shown_limits(label, signed=False) -> Shown:
    def text(row):
        if row["estimate"] is None:
            return "—"
        return _POINTS.text(row) if signed else percent(row["estimate"])

    def detail(row):
        if row["low"] is None:
            return ""
        if signed:
            return _within_limits(row | {"measure": "difference"})
        return "({}–{})".format(*(written(100 * row[end], "0.0") for end in ("low", "high")))

    return Shown(label, text, detail=detail, fractions=tuple(_ESTIMATE))
