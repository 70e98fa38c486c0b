"""What a screen is asked: whose outcome, of which markers, and which test."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm

from tracker.forms.fields import RecordField, TermField
from tracker.forms.import_file import UploadField
from tracker.models import Trial
from tracker.terms.biomarker import ScreenEndpoint, ScreenTest


class ScreenForm(FlaskForm):
    """A file with a row a participant and a column a marker; without one every stored assay is screened."""

    trial = RecordField(_l("Trial"), Trial)
    endpoint = TermField(_l("Outcome"), ScreenEndpoint)
    test = TermField(
        _l("Test"),
        ScreenTest,
        help=_l(
            "An interaction asks whether the effect of treatment changes with the marker; it needs a comparator."
        ),
    )
    file = UploadField(
        _l("Matrix of markers"),
        optional=True,
        accept=".csv,.tsv,.txt,.xlsx",
        help=_l(
            "CSV or XLSX: participants' codes in the first column, and a column of numbers for each marker; a limit as"
            " <0.5. At most 30,000 markers and 5,000 participants. Without a file every stored assay is screened."
        ),
    )
