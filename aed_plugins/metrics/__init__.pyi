from .arrays import check_arrays as check_arrays
from .durations import (
    LEVEL as LEVEL,
)
from .durations import (
    LabelDuration as LabelDuration,
)
from .durations import (
    summarize_durations as summarize_durations,
)
from .events import (
    check_events as check_events,
)
from .events import (
    event_metrics as event_metrics,
)
from .events import (
    segment_metrics as segment_metrics,
)
from .multi_label import (
    compute_metrics as compute_metrics,
)
from .multi_label import (
    decide as decide,
)
from .predictions import (
    SMALLEST_PROBABILITY as SMALLEST_PROBABILITY,
)
from .predictions import (
    Predictions as Predictions,
)
from .predictions import (
    concatenate_predictions as concatenate_predictions,
)
from .single_label import (
    accuracy as accuracy,
)
from .single_label import (
    confusion_matrix as confusion_matrix,
)
from .single_label import (
    cross_entropy as cross_entropy,
)
from .single_label import (
    macro_f1 as macro_f1,
)
from .thresholds import (
    METRICS as METRICS,
)
from .thresholds import (
    UNTUNED as UNTUNED,
)
from .thresholds import (
    Floats as Floats,
)
from .thresholds import (
    tune_thresholds as tune_thresholds,
)
