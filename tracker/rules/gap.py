"""What may be said about the gap between the response of a reference and of breast, and when it may be split.

Source: the split is Kitagawa's, J Am Stat Assoc 1955;50:1168-1194; the minimum numbers are this center's.
"""

import numpy as np
from flask_babel import lazy_gettext as _l

from tracker.terms.location import GapClaim

#: Participants of each group that a stratum needs before anything is computed from it, and a gap before it is told.
FEWEST = 5

#: Responders, and others, of each group that a difference in common to strata needs for limits.
FEWEST_OUTCOMES = 5

#: The rule, as the page prints it.
RULE = [
    _l(
        "Gap: response rate of the reference less that of breast. Where its interval (95 per cent) covers zero, a"
        " difference is not established, and no shares are given. With fewer than 5 participants in a group there is"
        " no gap."
    ),
    _l(
        "A stratum with fewer than 5 participants in either group is named, and nothing is computed from it: then mix,"
        " response and the rate of breast at the reference's mix are left empty."
    ),
    _l(
        "Participants whose stratum is not known are left out of the split and counted. The split compares groups that"
        " nobody randomised: it shows where the gap sits, not what causes it."
    ),
]


def gap_claim(n_breast, n_reference, low, high) -> GapClaim:
    """What an interval of reference − breast allows to be said. low, high: its limits."""
    if min(n_breast, n_reference) < FEWEST:
        return GapClaim.TOO_FEW
    if low > 0:
        return GapClaim.LESS
    return GapClaim.MORE if high < 0 else GapClaim.NOT_ESTABLISHED


def is_thin(n_breast, n_reference) -> np.ndarray:
    """Whether each stratum has too few participants of a group for anything to be computed from it."""
    return np.minimum(np.asarray(n_breast), np.asarray(n_reference)) < FEWEST
