"""Figures, drawn on the server as SVG: they print, need no script and no inline style."""
