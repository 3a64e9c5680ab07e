from .command import command as command
from .command import main as main
from .inputs import find_recordings as find_recordings
