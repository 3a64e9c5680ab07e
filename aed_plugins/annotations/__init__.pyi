from .files import (
    FORMATS as FORMATS,
    format_timeline as format_timeline,
    read_timeline as read_timeline,
    read_timelines as read_timelines,
    write_timeline as write_timeline,
)
from .parsing import (
    format_decimal as format_decimal,
    read_number as read_number,
    split_lines as split_lines,
)
