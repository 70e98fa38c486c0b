"""Figures as pixels."""

import struct
import zlib

import pytest

from tests.factories import make_cohort, make_participant, make_reported_outcome, make_trial
from tracker.exchange.result import report_file
from tracker.values import Refusal


def chunks(image):
    assert image.startswith(b"\x89PNG\r\n\x1a\n")
    at = 8
    while at < len(image):
        (length,) = struct.unpack_from(">I", image, at)
        content = image[at + 4 : at + 8 + length]
        assert struct.unpack_from(">I", image, at + 8 + length) == (zlib.crc32(content),)
        yield content[:4], content[4:]
        at += 12 + length


def test_a_figure_has_300_dots_an_inch_of_its_own_size(app):
    """The drawing is 792 pixels wide, of 96 an inch: 8.25 inches."""
    make_reported_outcome()
    parts = dict(chunks(report_file("outcomes", "png", [("figure", "forest")])))
    assert struct.unpack(">IIB", parts[b"pHYs"]) == (11811, 11811, 1)
    width, height = struct.unpack_from(">II", parts[b"IHDR"])
    assert width == 2475
    assert height > 300


def test_text_of_any_kind_is_drawn(app):
    trial = make_trial()
    for name in ("#import $x$", "</svg>", "]]>", "& < > ' \\"):
        participant = make_participant(trial=trial, cohort=make_cohort(trial=trial, name=name))
        make_reported_outcome(participant=participant)
    assert dict(chunks(report_file("outcomes", "png", [("by", "cohort")])))[b"IEND"] == b""


def test_an_unknown_figure_is_refused_with_those_that_exist(app):
    with pytest.raises(Refusal, match="figure: choose from: forest") as refused:
        report_file("outcomes", "png", [("figure", "pie")])
    assert refused.value.status == 422
