"""Augmentation of training batches: waveforms, log-mel frames, mixing of clips."""
