"""Pages and pictures by typst, which reads no network."""

import json
import subprocess
import sys

#: The first of these that the machine has is used; the last one typst brings along.
FONTS = ["Inter", "Helvetica Neue", "Arial", "Liberation Sans", "DejaVu Sans", "Libertinus Serif"]

_COMPILE = """
import json, sys, typst
given = json.load(sys.stdin)
sys.stdout.buffer.write(typst.compile(given.pop("layout").encode(), **given))
"""


def typeset(layout: str, inputs: dict[str, str], **options) -> bytes:
    """The layout as a file. inputs: texts that the layout finds in sys.inputs. options: of typst.compile.

    It is done by a process of its own, because typst keeps what it has laid out in memory: hundreds of
    megabytes after some long tables.
    """
    fonts = ", ".join(f'"{name}"' for name in FONTS)
    given = {"layout": f"#set text(font: ({fonts}))\n{layout}", "sys_inputs": inputs, **options}
    command = [sys.executable, "-P", "-c", _COMPILE]
    return subprocess.run(command, input=json.dumps(given).encode(), capture_output=True, check=True).stdout
