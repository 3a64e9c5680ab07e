"""Talks, transcripts and recognisers: what annotations and segmentation do to word error rates.

It stands beside the taggers and needs neither torch nor SpeechBrain, except where a SpeechBrain
recogniser is asked for.
"""
