"""Hyperparameter search over any recipe and any YAML file."""
