"""Pages that show what a recogniser made of talks: what was said against what it heard.

One page for a talk, with its sound, and one that lists the talks. They work offline, in any
browser, and are drawn in the style of `aed_plugins.report`.
"""

from asr.pages.index import IndexEntry, write_index
from asr.pages.talk import write_alignment_page

__all__ = ["IndexEntry", "write_alignment_page", "write_index"]
