from .arguments import (
    Parser as Parser,
    combine_options as combine_options,
    option as option,
    parse_boolean as parse_boolean,
    parse_yaml as parse_yaml,
    take_options as take_options,
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
    printable as printable,
)
from .files import (
    atomic_write as atomic_write,
    write_json as write_json,
)
from .tables import markdown_table as markdown_table
from .time_grids import (
    Grid as Grid,
    Steps as Steps,
)
from .timeline import (
    Event as Event,
    Timeline as Timeline,
    check_label as check_label,
)
