from .fold_assignment import (
    assign_folds as assign_folds,
)
from .fold_assignment import (
    count_recordings as count_recordings,
)
from .folds import (
    Fold as Fold,
)
from .folds import (
    FoldPlan as FoldPlan,
)
from .folds import (
    plan_folds as plan_folds,
)
from .manifest import (
    Manifest as Manifest,
)
from .manifest import (
    collate as collate,
)
from .manifest import (
    fold_dataset as fold_dataset,
)
from .manifest import (
    manifest_fingerprint as manifest_fingerprint,
)
from .manifest import (
    provides_target as provides_target,
)
from .manifest import (
    read_manifest as read_manifest,
)
from .manifest import (
    waveform_dataset as waveform_dataset,
)
from .packing import (
    PackedClip as PackedClip,
)
from .packing import (
    PackingResult as PackingResult,
)
from .packing import (
    Source as Source,
)
from .packing import (
    pack_clips as pack_clips,
)
from .preparation import (
    ListedClip as ListedClip,
)
from .preparation import (
    PreparedData as PreparedData,
)
from .preparation import (
    default_prepared_folder as default_prepared_folder,
)
from .preparation import (
    describe_data as describe_data,
)
from .preparation import (
    pack_listed_clips as pack_listed_clips,
)
from .preparation import (
    read_rows as read_rows,
)
from .preparation import (
    report_incomplete as report_incomplete,
)
from .preparation import (
    write_manifest as write_manifest,
)
from .shards import (
    ShardIndex as ShardIndex,
)
from .shards import (
    import_webdataset as import_webdataset,
)
from .shards import (
    read_index as read_index,
)
from .shards import (
    write_shards as write_shards,
)
from .streamed_clips import StreamedClips as StreamedClips
from .synthetic.audioset import build_audioset_demonstration as build_audioset_demonstration
from .synthetic.corpus import (
    DEMONSTRATION_MARK as DEMONSTRATION_MARK,
)
from .synthetic.corpus import (
    build_whole as build_whole,
)
from .synthetic.human_sounds import synthesize_sound as synthesize_sound
from .synthetic.urban_sounds import (
    SoundVariant as SoundVariant,
)
from .synthetic.urban_sounds import (
    Waveform as Waveform,
)
from .synthetic.urbansound import (
    CLASS_NAMES as CLASS_NAMES,
)
from .synthetic.urbansound import (
    COLUMNS as COLUMNS,
)
from .synthetic.urbansound import (
    build_urbansound_demonstration as build_urbansound_demonstration,
)
