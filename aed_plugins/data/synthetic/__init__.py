"""Synthetic demonstration corpora, in the layouts of the real datasets."""
