"""Forms of accounts: signing in, passwords, roles."""

import wtforms
from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import widgets

from tracker.forms.base import RecordForm
from tracker.forms.fields import CodeField, TermField, TextField, ValueField
from tracker.models import User
from tracker.reads.account import is_last_administrator
from tracker.roles import Role
from tracker.rules.passwords import check_password
from tracker.rules.second_factor import read_code
from tracker.values import Refusal

#: Argon2 takes long on long input; nobody types more.
LONGEST_PASSWORD = 256


class PasswordField(ValueField):
    """A password, taken as it is typed; the page never shows it again."""

    kind = "password"
    widget = widgets.PasswordInput()

    def __init__(self, label=None, *, autocomplete="current-password", **kwargs):
        super().__init__(label, render_kw={"autocomplete": autocomplete}, **kwargs)

    def read(self, text):
        if len(text) > LONGEST_PASSWORD:
            raise Refusal(_("Write at most %(maximum)d characters.", maximum=LONGEST_PASSWORD))
        return text or None


class NewPasswordField(PasswordField):
    """A password that is being chosen: long enough, and not the account's name."""

    def __init__(self, label=None, *, _form=None, **kwargs):
        super().__init__(label, autocomplete="new-password", _form=_form, **kwargs)
        self.around = _form

    def read(self, text):
        password = super().read(text)
        if password is not None:
            check_password(password, current_app.config["PASSWORD_MINIMUM"], self.words())
        return password

    def words(self):
        """What the password may not be made of: the tracker's name and the account's."""
        typed = (
            self.around[name].raw_data or [""] for name in ("name", "display_name") if name in self.around
        )
        person = getattr(self.around, "record", None) or current_user
        known = (
            [person.name, person.display_name] if isinstance(person, User) or person.is_authenticated else []
        )
        return [current_app.config["APP_NAME"], *known, *(str(one[0]) for one in typed)]


class OneTimeCodeField(ValueField):
    """A code of the second factor; the page never shows it again."""

    def __init__(self, label=None, *, help=None, autofocus=False, **kwargs):
        attributes = {"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 40}
        if autofocus:
            attributes["autofocus"] = True
        super().__init__(
            label or _l("Code"),
            help=help or _l("The 6 digits that your authenticator app shows, or one of your recovery codes."),
            render_kw=attributes,
            **kwargs,
        )

    def read(self, text):
        return read_code(text)

    def _value(self):
        return ""


class FirstCodeField(OneTimeCodeField):
    """A code of an app that is being turned on, when there are no recovery codes yet."""

    def read(self, text):
        return read_code(text, with_recovery=False)


class SignInForm(FlaskForm):
    name = TextField(_l("Account"), maximum=40, render_kw={"autocomplete": "username", "autofocus": True})
    password = PasswordField(_l("Password"))
    next = wtforms.HiddenField()


class CodeForm(FlaskForm):
    """The second step of signing in."""

    code = OneTimeCodeField(autofocus=True)
    next = wtforms.HiddenField()


class EnrolForm(FlaskForm):
    """The first code of an app that has just been told the secret, which the page keeps sealed meanwhile."""

    code = FirstCodeField(_l("Code"), help=_l("The 6 digits that the app shows now."))
    sealed = wtforms.HiddenField()


class IdentityFields:
    """Fields of a form that is taken only from somebody who proves with it who they are, as each signature asks
    (21 CFR 11.200): the password, and a code where they have a second factor. Mix it in before the form's class, and
    ask `identity.is_proven(form)` when the form is valid.
    """

    password = PasswordField(_l("Your password"))
    code = OneTimeCodeField()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not current_user.is_authenticated or current_user.second_factor is None:
            del self.code


class ConfirmForm(IdentityFields, FlaskForm):
    next = wtforms.HiddenField()


class PasswordForm(IdentityFields, FlaskForm):
    current = PasswordField(_l("Present password"))
    code = OneTimeCodeField()
    password = NewPasswordField(_l("New password"))
    repeated = PasswordField(_l("New password again"), autocomplete="new-password")

    def validate_repeated(self, field):
        if self.password.data and field.data != self.password.data:
            raise wtforms.ValidationError(_("The two are not the same."))


class UserForm(RecordForm):
    """An account as it is changed: its name is for good."""

    model = User
    sections = [(_l("Account"), ["display_name", "role"])]

    display_name = TextField(
        _l("Name"), maximum=100, free=False, help=_l("As pages and the history show it.")
    )
    role = TermField(_l("Role"), Role)

    def validate_role(self, field):
        if self.record is not None and field.data is not Role.ADMIN and is_last_administrator(self.record):
            raise wtforms.ValidationError(_("This is the last administrator: make another one first."))


class NewUserForm(UserForm):
    sections = [(_l("Account"), ["name", "display_name", "role", "password"])]

    name = CodeField(_l("Account name"), help=_l("For signing in; it stays taken."))
    password = NewPasswordField(
        _l("First password"), help=_l("At least 15 characters; the owner changes it.")
    )

    def populate_obj(self, user):
        user.name, user.display_name, user.role = (
            self.name.data.lower(),
            self.display_name.data,
            self.role.data,
        )
        user.set_password(self.password.data)


class FirstAdminForm(NewUserForm):
    """On an empty database: the account that makes the others."""

    sections = [(_l("First administrator"), ["name", "display_name", "password"])]
    role = None

    def populate_obj(self, user):
        user.name, user.display_name, user.role = self.name.data.lower(), self.display_name.data, Role.ADMIN
        user.set_password(self.password.data)


class NewPasswordForm(RecordForm):
    """What the administrator gives to somebody who lost theirs."""

    model = User
    sections = [(_l("Password"), ["password"])]

    password = NewPasswordField(_l("New password"))

    def populate_obj(self, user):
        user.set_password(self.password.data)


class IdentityForm(IdentityFields, FlaskForm):
    """A button that is pressed only by somebody who proves who they are."""


class EmptyForm(FlaskForm):
    """A button with its token."""
