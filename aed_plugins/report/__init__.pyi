from .build import (
    build_report as build_report,
    describe_settings as describe_settings,
)
from .frame import (
    data_element as data_element,
    escape_html as escape_html,
    fill_template as fill_template,
    join_scripts as join_scripts,
    read_asset as read_asset,
    sound_element as sound_element,
)
from .overview import Overview as Overview
from .page import write_page as write_page
from .picture import write_picture as write_picture
from .recording import RecordingReport as RecordingReport
from .sound import (
    DELAY as DELAY,
    EMBEDDED_SECONDS as EMBEDDED_SECONDS,
    relative_link as relative_link,
)
