from .command import command as command, main as main
from .inputs import find_recordings as find_recordings
