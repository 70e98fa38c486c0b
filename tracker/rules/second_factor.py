"""Codes that an authenticator app makes (TOTP, RFC 6238), and the recovery codes that stand in for them."""

import datetime
import re
import secrets

import pyotp
from flask_babel import gettext as _

from tracker.values import Refusal

#: Digits of a code of the app, and of a recovery code. All are digits: a telephone then shows its keys for numbers.
DIGITS, RECOVERY_DIGITS = 6, 16

#: How many recovery codes one has.
RECOVERY_CODES = 10

#: Steps of 30 seconds by which the clocks may differ (RFC 6238, 5.2 recommends one at most).
DRIFT = 1


def new_secret() -> str:
    """160 bits in base 32, as RFC 4226 recommends and every app takes."""
    return pyotp.random_base32()


def steps_of(secret: str, code: str, at: datetime.datetime) -> list[int]:
    """The time steps about this instant whose code this is; none where it is wrong, rarely more than one.

    secret: in base 32. Source: RFC 6238, section 4, with its defaults: SHA-1, 30 seconds, 6 digits.
    """
    totp = pyotp.TOTP(secret, digits=DIGITS)
    now = totp.timecode(at)
    near = range(max(now - DRIFT, 0), now + DRIFT + 1)
    return [step for step in near if secrets.compare_digest(totp.generate_otp(step), code)]


def enrolment_address(secret: str, account: str, issuer: str) -> str:
    """What the app reads from the QR code (otpauth://, as Google Authenticator's Key Uri Format has it)."""
    return pyotp.TOTP(secret, digits=DIGITS).provisioning_uri(name=account, issuer_name=issuer)


def in_groups(code: str) -> str:
    """A secret or a recovery code as one copies it by hand."""
    return " ".join(re.findall(".{1,4}", code))


def new_recovery_codes() -> list[str]:
    return [
        f"{secrets.randbelow(10**RECOVERY_DIGITS):0{RECOVERY_DIGITS}}" for _number in range(RECOVERY_CODES)
    ]


def read_code(text: str, with_recovery=True) -> str | None:
    """The digits of a code as it was typed, with spaces and hyphens between them as one likes."""
    digits = re.sub(r"[\s-]", "", text)
    if not digits:
        return None
    if not with_recovery and not re.fullmatch(f"[0-9]{{{DIGITS}}}", digits):
        raise Refusal(_("Type the %(digits)d digits that the app shows.", digits=DIGITS), "code")
    if not re.fullmatch(f"[0-9]{{{DIGITS}}}|[0-9]{{{RECOVERY_DIGITS}}}", digits):
        raise Refusal(
            _(
                "Type the %(digits)d digits that the app shows, or the %(more)d of a recovery code.",
                digits=DIGITS,
                more=RECOVERY_DIGITS,
            ),
            "code",
        )
    return digits
