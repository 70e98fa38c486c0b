"""One measurement in a process of its own: python -m tests.bench.child imports.plain '{"folder": "..."}'"""

import importlib
import json
import sys

from tests.bench.base import peak_mb


def main(function, arguments):
    module, name = function.split(".")
    found = getattr(importlib.import_module(f"tests.bench.{module}"), name)(**json.loads(arguments))
    json.dump({**found, "peak_mb": peak_mb()}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
