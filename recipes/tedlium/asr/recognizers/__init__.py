"""Recognizers of one interface: Kaldi, Sphinx, PocketSphinx, SpeechBrain."""
