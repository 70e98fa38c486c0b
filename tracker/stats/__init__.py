"""Arithmetic on arrays: what is estimated, tested and resampled. It has never heard of a trial."""
