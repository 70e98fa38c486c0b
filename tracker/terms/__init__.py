"""Controlled terms: enumerations by domain, and code lists as CSV. Each names its source."""
