"""Files of speech recognition: transcripts, times, lexicons, language models, Kaldi folders."""
