from .event_detector import (
    EventDetector as EventDetector,
    sort_events as sort_events,
)
from .post_processing import (
    PostProcessing as PostProcessing,
    update_classes as update_classes,
)
from .settings import TimelineSettings as TimelineSettings
from .stream import TimelineStream as TimelineStream
from .tuning import (
    AnnotatedRecording as AnnotatedRecording,
    tune_post_processing as tune_post_processing,
)
from .windows import (
    CellStream as CellStream,
    Windows as Windows,
    plan_windows as plan_windows,
)
