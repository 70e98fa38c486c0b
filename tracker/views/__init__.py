"""What is served."""


def register(app):
    """Every blueprint of the views."""
