from .build import (
    build_report as build_report,
)
from .build import (
    describe_settings as describe_settings,
)
from .frame import (
    data_element as data_element,
)
from .frame import (
    escape_html as escape_html,
)
from .frame import (
    fill_template as fill_template,
)
from .frame import (
    join_scripts as join_scripts,
)
from .frame import (
    read_asset as read_asset,
)
from .frame import (
    sound_element as sound_element,
)
from .page import write_page as write_page
from .picture import write_picture as write_picture
from .sound import (
    DELAY as DELAY,
)
from .sound import (
    EMBEDDED_SECONDS as EMBEDDED_SECONDS,
)
from .sound import (
    relative_link as relative_link,
)
