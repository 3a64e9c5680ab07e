"""AudioSet."""
