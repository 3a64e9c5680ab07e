"""File formats of speech recognition: transcripts, times, lexicons, models, Kaldi folders."""
