from .decoding import (
    read_blocks as read_blocks,
    read_info as read_info,
    read_waveform as read_waveform,
)
from .files import (
    AUDIO_SUFFIXES as AUDIO_SUFFIXES,
    list_files as list_files,
)
from .quality import (
    check_audio as check_audio,
    check_duration as check_duration,
)
from .samples import (
    FULL_SCALE as FULL_SCALE,
    RATES as RATES,
    Resampler as Resampler,
    array_blocks as array_blocks,
    quantize as quantize,
    to_int16 as to_int16,
    to_mono as to_mono,
)
