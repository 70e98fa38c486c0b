"""Passwords: long ones are taken, common and guessable ones refused."""

import pytest

from tracker.rules.passwords import check_password, common_passwords
from tracker.values import Refusal

WORDS = ["ada", "Dr Ada Lovelace-Byron", "ImmunoTrack"]


SENTENCES = [
    "correct horse battery",
    "quinze ou plus lettres",
    "éàü çœæ ßñø þð łđ",
    "Ada likes Fridays a lot",
]


@pytest.mark.parametrize("password", SENTENCES)
def test_a_sentence_is_taken(password):
    check_password(password, 15, WORDS)


@pytest.mark.parametrize(
    "password, told",
    [
        ("fourteen chars", "at least 15"),
        ("a" * 15, "repeats"),
        ("abcabcabcabcabcabc", "repeats"),
        ("abcdefghijklmnopqrst", "repeats"),
        ("zyxwvutsrqponmlk", "repeats"),
        ("lovelace byron 1", "the name"),
        ("LOVELACE-immunotrack", "the name"),
    ],
)
def test_what_is_easily_guessed_is_refused(password, told):
    with pytest.raises(Refusal, match=told) as refused:
        check_password(password, 15, WORDS)
    assert refused.value.field == "password"


@pytest.mark.parametrize("password", ["fallen_angel", "FALLEN_ANGEL", "1q2w3e4r5t", "qwertyuiop"])
def test_a_common_one_is_refused_where_a_shorter_one_would_do(password):
    with pytest.raises(Refusal, match="most common"):
        check_password(password, 8, WORDS)


def test_the_list_is_as_its_source_says():
    assert len(common_passwords()) > 8_000
    assert min(map(len, common_passwords())) == 8
