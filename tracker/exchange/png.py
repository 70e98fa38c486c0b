"""A figure as pixels, for slides and manuscripts."""

import struct
import zlib

from tracker.exchange.typesetting import typeset
from tracker.reports.base import Figure

DOTS_PER_INCH = 300

_LAYOUT = """
#set page(width: auto, height: auto, margin: 0pt)
#image(bytes(sys.inputs.drawing), format: "svg", width: float(sys.inputs.width) * 0.75pt)
"""
_HEAD = 33  # bytes of the signature and of the first chunk


def png(figure: Figure) -> bytes:
    """The figure in its own size, of which 96 pixels are an inch, at 300 dots per inch."""
    drawing = figure.svg(standalone=True)
    inputs = {"drawing": str(drawing), "width": _width(drawing)}
    image = typeset(_LAYOUT, inputs, format="png", ppi=DOTS_PER_INCH)
    return image[:_HEAD] + _resolution() + image[_HEAD:]


def _width(drawing):
    """The pixels that the drawing says it is wide."""
    return drawing.partition(' width="')[2].partition('"')[0]


def _resolution() -> bytes:
    """The chunk pHYs: dots per metre across and down (PNG specification, 11.3.4.3)."""
    dots = round(DOTS_PER_INCH / 0.0254)
    content = b"pHYs" + struct.pack(">IIB", dots, dots, 1)
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
