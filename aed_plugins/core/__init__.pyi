from .arguments import (
    Parser as Parser,
)
from .arguments import (
    boolean as boolean,
)
from .arguments import (
    yaml_value as yaml_value,
)
from .errors import (
    InputError as InputError,
)
from .errors import (
    error_prefix as error_prefix,
)
from .errors import (
    first_few as first_few,
)
from .files import (
    atomic_write as atomic_write,
)
from .files import (
    write_json as write_json,
)
from .grids import (
    Grid as Grid,
)
from .grids import (
    Steps as Steps,
)
from .timeline import Event as Event
