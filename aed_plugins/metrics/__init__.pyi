from .arrays import check_arrays as check_arrays
from .durations import (
    LEVEL as LEVEL,
    LabelDuration as LabelDuration,
    summarize_durations as summarize_durations,
)
from .events import (
    check_events as check_events,
    event_metrics as event_metrics,
    segment_metrics as segment_metrics,
)
from .multi_label import (
    compute_metrics as compute_metrics,
    decide as decide,
)
from .predictions import (
    SMALLEST_PROBABILITY as SMALLEST_PROBABILITY,
    Predictions as Predictions,
    concatenate_predictions as concatenate_predictions,
)
from .single_label import (
    accuracy as accuracy,
    confusion_matrix as confusion_matrix,
    cross_entropy as cross_entropy,
    macro_f1 as macro_f1,
)
from .thresholds import (
    METRICS as METRICS,
    UNTUNED as UNTUNED,
    tune_thresholds as tune_thresholds,
)
