from .bootstrap import (
    compute_percentile_interval as compute_percentile_interval,
    expand_tail as expand_tail,
)
from .confusion_matrix import compute_confusion_matrix as compute_confusion_matrix
from .durations import (
    CONFIDENCE_LEVEL as CONFIDENCE_LEVEL,
    LabelDuration as LabelDuration,
    summarize_durations as summarize_durations,
)
from .event_counts import check_events as check_events
from .event_metrics import compute_event_metrics as compute_event_metrics
from .multi_label import compute_metrics as compute_metrics
from .predictions import (
    SMALLEST_PROBABILITY as SMALLEST_PROBABILITY,
    Predictions as Predictions,
    concatenate_predictions as concatenate_predictions,
)
from .rates import apply_thresholds as apply_thresholds
from .segment_metrics import compute_segment_metrics as compute_segment_metrics
from .single_label import (
    compute_accuracy as compute_accuracy,
    compute_cross_entropy as compute_cross_entropy,
    compute_macro_f1 as compute_macro_f1,
)
from .threshold_tuning import (
    DEFAULT_THRESHOLD as DEFAULT_THRESHOLD,
    THRESHOLD_METRICS as THRESHOLD_METRICS,
    tune_thresholds as tune_thresholds,
)
