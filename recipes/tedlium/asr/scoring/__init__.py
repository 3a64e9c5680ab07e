"""Word error rates, their significance, and errors of speech detection."""
