"""Pages of talks: the reference above the recognized words, with the sound, and an index.

They work offline, in any browser, and are drawn in the style of `aed_plugins.report`.
"""
