"""Speech recognizers with one interface: Kaldi, Sphinx, PocketSphinx, SpeechBrain."""
