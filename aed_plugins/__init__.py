"""Audio event detection for SpeechBrain: what is heard in a recording, and when."""
