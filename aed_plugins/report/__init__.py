"""What a person looks at: a page that plays a recording beside what was heard in it, and a picture.

Needs neither torch nor SpeechBrain.
"""

from aed_plugins.report.overview import Overview
from aed_plugins.report.page import write_page
from aed_plugins.report.picture import write_picture
from aed_plugins.report.recording import RecordingReport

__all__ = ["Overview", "RecordingReport", "write_page", "write_picture"]
