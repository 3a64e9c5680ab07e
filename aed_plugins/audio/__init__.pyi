from .decoding import (
    FULL_SCALE as FULL_SCALE,
)
from .decoding import (
    RATES as RATES,
)
from .decoding import (
    quantize as quantize,
)
from .decoding import (
    read_blocks as read_blocks,
)
from .decoding import (
    read_info as read_info,
)
from .decoding import (
    read_waveform as read_waveform,
)
from .decoding import (
    to_int16 as to_int16,
)
from .quality import (
    check_audio as check_audio,
)
from .quality import (
    check_duration as check_duration,
)
