"""What every figure is drawn with: elements, the frame, scales and the room that text takes.

A page draws a figure twice, WIDE and NARROW, each in its own pixels, and its style sheet shows the one that
fits: so text is never scaled down. In a page colours and fonts come from the style sheet, by class: axis,
grid, reference, interval, mark, label, muted, strong, and series-1 to series-8 around them. A file has its
own style.
"""

import functools
import re
import unicodedata
from typing import NamedTuple

from markupsafe import Markup, escape

WIDE, NARROW = 760, 340
WIDE_PAGE = 1040  # a figure that has the width of the page to itself
NARROW_BELOW = 520  # pixels; a figure less wide is laid out for a telephone
TEXT_SIZE = 12
MARGIN = 16  # pixels, around a file of its own
CAPTION_LINE = 17  # pixels from one line of a caption to the next

# The light theme of static/css/tracker.css.
TEXT, MUTED, GRID, AXIS, CARD = "#16202b", "#56616d", "#e6e9ed", "#6b7682", "#ffffff"
SERIES = ("#0b6e99", "#c2570c", "#6b7280", "#3f1d8a", "#1f9a74", "#6b1030", "#a98400", "#1795c4")
STYLE = "\n".join(
    [
        f"text {{ font-family: Inter, 'Helvetica Neue', Arial, sans-serif; font-size: {TEXT_SIZE}px;"
        f" font-variant-numeric: tabular-nums; fill: {TEXT}; }}",
        f".muted, text.axis {{ fill: {MUTED}; }}",
        ".strong { font-weight: 600; }",
        f".grid {{ stroke: {GRID}; fill: none; shape-rendering: crispEdges; }}",
        f".axis {{ stroke: {AXIS}; fill: none; shape-rendering: crispEdges; }}",
        "text.axis { stroke: none; }",
        f".reference {{ stroke: {AXIS}; stroke-dasharray: 2 3; fill: none; }}",
        f".interval {{ stroke: {TEXT}; stroke-width: 1.5; fill: none; }}",
        f".mark {{ fill: {TEXT}; }}",
    ]
    + [
        f".series-{number} .interval {{ stroke: {colour}; }} .series-{number} .mark {{ fill: {colour}; }}"
        for number, colour in enumerate(SERIES, start=1)
    ]
)


class Standalone(NamedTuple):
    """What a file of its own says under its title, beside the drawing: sentences, each on lines of its own."""

    caption: tuple[str, ...] = ()


_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def element(name, *children, **attributes) -> Markup:
    """An SVG element; text in it is escaped, attributes that are None are left out.

    Python's names stand for SVG's: class_ for class, stroke_width for stroke-width.
    """
    # Joined as text, every part of which is escaped: Markup's own joining and formatting take ten times as long.
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_plain(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(_plain(child) for child in children if child is not None)
    return Markup(f"<{name}{written}>{inner}</{name}>")


def svg(*children, width, height, title, standalone=False) -> Markup:
    """The figure, width by height pixels, which its title tells to those who do not see it.

    standalone: a file of its own, with its style, its title and a margin around it, and where it is a Standalone with
    its caption; else a part of a page.
    """
    class_, left, top = ("chart-narrow" if width < NARROW_BELOW else "chart-wide"), 0, 0
    if standalone:
        caption = standalone.caption if isinstance(standalone, Standalone) else ()
        lines = [line for sentence in caption for line in wrapped(sentence, width)]
        below = CAPTION_LINE * len(lines) + (MARGIN / 2 if lines else 0)
        heading = [text(title, 0, -MARGIN - below, room=width, class_="strong")]
        for place, line in enumerate(lines, start=1):
            heading.append(text(line, 0, -MARGIN - below + CAPTION_LINE * place, class_="muted"))
        left, top = -MARGIN, -3 * MARGIN - below
        width, height = width + 2 * MARGIN, height + 4 * MARGIN + below
        background = element("rect", x=left, y=top, width=width, height=height, fill=CARD)
        children = (element("title", title), element("style", Markup(STYLE)), background, *heading, *children)
    return element(
        "svg",
        *children,
        xmlns="http://www.w3.org/2000/svg",
        class_=class_,
        width=width,
        height=height,
        viewBox=f"{left} {top} {width} {height}",
        role="group",
        aria_label=title,
    )


def empty(message, *, title, width, standalone=False) -> Markup:
    """The figure where there is nothing to draw: it says so."""
    said = text(message, width / 2, 40, anchor="middle", room=width, class_="muted")
    return svg(said, width=width, height=72, title=title, standalone=standalone)


def text(content, x, y, *, anchor=None, room=None, class_=None) -> Markup:
    """Text with its base line at y; what does not fit in room pixels is ellipsed, and whole in a title.

    anchor: middle or end, where x is not where the text starts.
    """
    content = str(content)
    shown = content if room is None else ellipsed(content, room)
    title = element("title", content) if shown != content else None
    return element("text", title, shown, x=x, y=y, text_anchor=anchor, class_=class_)


def readout(label, *children, class_=None) -> Markup:
    """A mark to be pointed at, entered with the keyboard, and heard: label is all that it says."""
    return element(
        "g",
        element("title", label),
        *children,
        class_=class_,
        role="img",
        tabindex=0,
        aria_label=label,
        data_readout=label,
    )


def scale(low, high, start, end):
    """The function from values, low to high, to pixels, start to end."""
    return lambda value: start + (value - low) / (high - low) * (end - start)


def percent(fraction, decimals=1) -> str:
    """A fraction as English writes it: 0.387 is 38.7%."""
    return f"{100 * fraction:.{decimals}f}%"


def text_width(content, size=TEXT_SIZE) -> float:
    """About the pixels that text takes in Inter or Arial, rather more than less."""
    return size * sum(_character_width(one) for one in content)


def ellipsed(content, room, size=TEXT_SIZE) -> str:
    """Text cut to fit into room pixels, with an ellipsis where something was cut."""
    if text_width(content, size) <= room:
        return content
    kept = len(content)
    while kept and text_width(content[:kept].rstrip() + "…", size) > room:
        kept -= 1
    return content[:kept].rstrip() + "…"


def wrapped(content, room, size=TEXT_SIZE) -> list[str]:
    """Text in lines of at most room pixels; a word that is longer is cut."""
    lines = []
    for word in content.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(ellipsed(word, room, size))
    return lines


@functools.cache
def _character_width(one):
    """In units of the font size."""
    if one in " .,:;'|!ijlI":
        return 0.3
    if one in "frt()[]{}/-":
        return 0.38
    if one in "0123456789":  # all alike, as tabular figures are
        return 0.66
    if one in "mwMW%@—…":
        return 0.92
    if unicodedata.east_asian_width(one) in "WF":
        return 1.0
    return 0.7 if one.isupper() else 0.6


def _plain(value) -> str:
    """What is safe to stand in an element or in the quotes of an attribute."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(escape(_NOT_XML.sub("\ufffd", str(value))))
