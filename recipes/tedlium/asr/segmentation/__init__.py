"""Segmentation of talks: by a transcript, by rules, by a tagger, by energy."""
