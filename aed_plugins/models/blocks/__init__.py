"""Blocks that several encoders share."""
