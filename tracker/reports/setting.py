"""Settings are never mixed: what is kept where a group of participants would be of several."""

import pandas as pd
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from tracker.forms.report import ReportForm
from tracker.terms.trial import Setting
from tracker.values import Refusal


def one_setting(participants: pd.DataFrame, form: ReportForm) -> tuple[pd.DataFrame, list]:
    """Participants of whom no group mixes settings, and a note where others are left out.

    Where a group would mix them, one setting is kept: the form's preferred one if a participant has it. The
    form's filter then says so. Raises Refusal where the filter itself asks for the mix.
    """
    if not form.is_of_participants or not _mixes_settings(participants, form.groups):
        return participants, []
    if form.setting.data:
        names = ", ".join(form.setting.data)
        raise Refusal(
            _("setting: rates of different settings are never mixed; choose one of: %(names)s.", names=names),
            "setting",
        )
    present = set(participants["setting"])
    kept = next(one for one in (form.preferred_setting, Setting.ADVANCED, *Setting) if one in present)
    form.setting.data = [kept.value]
    is_kept = participants["setting"] == kept.value
    note = _l(
        "Settings are never mixed in one rate: only the setting “%(setting)s” is shown. Participants of other"
        " settings who are left out: %(n)d.",
        setting=kept.label,
        n=int((~is_kept).sum()),
    )
    return participants[is_kept], [note]


def _mixes_settings(participants, by):
    if participants["setting"].nunique() < 2:
        return False
    if not by:
        return True
    settings = participants.groupby(by, dropna=False, sort=False)["setting"].nunique()
    return bool((settings > 1).any())
