# The checks of these domains are registered when the package is imported, whoever runs them.
from tracker.rules import biomarker, designs, response, specimen, treatment  # noqa: F401
