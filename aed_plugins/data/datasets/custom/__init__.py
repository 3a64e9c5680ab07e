"""Clips of a user's own."""
