from .annotation import Annotation as Annotation
from .files import (
    FORMATS as FORMATS,
)
from .files import (
    annotation_text as annotation_text,
)
from .files import (
    read_annotation as read_annotation,
)
from .files import (
    read_annotations as read_annotations,
)
from .files import (
    write_annotation as write_annotation,
)
from .parsing import (
    decimal_text as decimal_text,
)
from .parsing import (
    read_number as read_number,
)
from .parsing import (
    split_lines as split_lines,
)
