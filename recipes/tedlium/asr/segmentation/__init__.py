"""Where speech is: segments, and detectors that find them."""
