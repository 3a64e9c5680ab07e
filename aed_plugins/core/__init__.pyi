from .arguments import (
    Parser as Parser,
    boolean as boolean,
    yaml_value as yaml_value,
)
from .arrays import (
    BoolArray as BoolArray,
    FloatArray as FloatArray,
    IntArray as IntArray,
)
from .errors import (
    InputError as InputError,
    error_prefix as error_prefix,
    first_few as first_few,
    one_line as one_line,
)
from .files import (
    atomic_write as atomic_write,
    write_json as write_json,
)
from .grids import (
    Grid as Grid,
    Steps as Steps,
)
from .tables import markdown_table as markdown_table
from .timeline import (
    Event as Event,
    Timeline as Timeline,
    check_label as check_label,
)
