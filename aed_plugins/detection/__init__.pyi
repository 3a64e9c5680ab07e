from .event_detector import (
    EventDetector as EventDetector,
)
from .event_detector import (
    sort_events as sort_events,
)
from .post_processing import (
    PostProcessing as PostProcessing,
)
from .post_processing import (
    update_classes as update_classes,
)
from .settings import TimelineSettings as TimelineSettings
from .stream import TimelineStream as TimelineStream
from .tuning import (
    AnnotatedRecording as AnnotatedRecording,
)
from .tuning import (
    tune_post_processing as tune_post_processing,
)
from .windows import (
    CellStream as CellStream,
)
from .windows import (
    Floats as Floats,
)
from .windows import (
    Windows as Windows,
)
from .windows import (
    plan_windows as plan_windows,
)
