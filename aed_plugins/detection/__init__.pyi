from .annotated_recordings import AnnotatedRecording as AnnotatedRecording
from .event_detector import (
    EventDetector as EventDetector,
    detect_events as detect_events,
    sort_events as sort_events,
)
from .hysteresis import apply_hysteresis as apply_hysteresis
from .post_processing import (
    PostProcessing as PostProcessing,
    update_classes as update_classes,
)
from .settings import TimelineSettings as TimelineSettings
from .stream import (
    EventStream as EventStream,
    TimelineStream as TimelineStream,
)
from .tuning import (
    Tuning as Tuning,
    leave_one_recording_out as leave_one_recording_out,
    tune_post_processing as tune_post_processing,
)
from .windows import (
    FrameStream as FrameStream,
    Windows as Windows,
    plan_windows as plan_windows,
)
