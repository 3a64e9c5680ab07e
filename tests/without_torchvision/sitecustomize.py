"""Hides torchvision from a program, as it is not there for a user: it is needed by tests alone.

SpeechBrain imports it wherever it finds it, which takes seconds.
"""

import sys

sys.modules["torchvision"] = None
