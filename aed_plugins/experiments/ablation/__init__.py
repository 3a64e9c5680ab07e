"""Comparison of variants of a model on the same folds and seeds."""
