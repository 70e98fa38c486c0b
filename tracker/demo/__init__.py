"""The seeded demonstration centre."""
