from .annotation import Annotation as Annotation
from .files import (
    FORMATS as FORMATS,
    annotation_text as annotation_text,
    read_annotation as read_annotation,
    read_annotations as read_annotations,
    write_annotation as write_annotation,
)
from .parsing import (
    decimal_text as decimal_text,
    read_number as read_number,
    split_lines as split_lines,
)
