"""One-time codes against the published vectors, and how codes are read."""

import base64
import datetime
import re

import pytest

from tracker.rules.second_factor import (
    enrolment_address,
    new_recovery_codes,
    new_secret,
    read_code,
    steps_of,
)
from tracker.values import Refusal

#: RFC 6238, appendix B, SHA-1: the shared secret, and seconds since 1970 with the code of 8 digits, of which a code
#: of 6 is the last 6 (RFC 4226, 5.3: both are the same number, modulo 10 to the digits).
SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]


@pytest.mark.parametrize("seconds, code", VECTORS)
def test_codes_are_those_of_rfc_6238_one_step_early_or_late(seconds, code):
    for steps, is_taken in ((-1, True), (0, True), (1, True), (2, False)):
        at = datetime.datetime.fromtimestamp(seconds + 30 * steps, datetime.UTC)
        found = steps_of(SECRET, code[-6:], at)
        assert found == ([seconds // 30] if is_taken else [])


def test_the_app_is_told_account_and_issuer():
    address = enrolment_address(SECRET, "ada", "ImmunoTrack")
    assert address == f"otpauth://totp/ImmunoTrack:ada?secret={SECRET}&issuer=ImmunoTrack"


def test_a_secret_has_160_bits_and_recovery_codes_are_ten():
    assert len(base64.b32decode(new_secret())) == 20
    codes = new_recovery_codes()
    assert len(set(codes)) == 10
    assert all(re.fullmatch("[0-9]{16}", code) for code in codes)


@pytest.mark.parametrize(
    "typed, read",
    [
        ("123456", "123456"),
        (" 123 456 ", "123456"),
        ("1234 5678-9012 3456", "1234567890123456"),
        ("  ", None),
    ],
)
def test_a_code_is_read_with_spaces_and_hyphens(typed, read):
    assert read_code(typed) == read


@pytest.mark.parametrize(
    "typed", ["12345", "1234567", "12345a", "१२३४५६", "١٢٣٤٥٦", "12345\x006", "-", "9" * 4000]
)
def test_what_is_no_code_is_refused(typed):
    if typed == "-":
        assert read_code(typed) is None
    else:
        with pytest.raises(Refusal):
            read_code(typed)
