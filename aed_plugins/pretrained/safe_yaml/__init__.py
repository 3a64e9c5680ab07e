"""Hyperparameter files from elsewhere: only components of this package are built."""
