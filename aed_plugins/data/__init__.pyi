from .fold_assignment import (
    assign_folds as assign_folds,
    count_recordings as count_recordings,
)
from .folds import (
    Fold as Fold,
    FoldPlan as FoldPlan,
    plan_folds as plan_folds,
)
from .manifest import (
    Manifest as Manifest,
    collate as collate,
    fold_dataset as fold_dataset,
    manifest_fingerprint as manifest_fingerprint,
    provides_target as provides_target,
    read_manifest as read_manifest,
    waveform_dataset as waveform_dataset,
)
from .packing import (
    PackedClip as PackedClip,
    PackingResult as PackingResult,
    Source as Source,
    pack_clips as pack_clips,
)
from .preparation import (
    ListedClip as ListedClip,
    PreparedData as PreparedData,
    default_prepared_folder as default_prepared_folder,
    describe_data as describe_data,
    pack_listed_clips as pack_listed_clips,
    read_rows as read_rows,
    report_incomplete as report_incomplete,
    write_manifest as write_manifest,
)
from .shards import (
    ShardIndex as ShardIndex,
    import_webdataset as import_webdataset,
    read_index as read_index,
    write_shards as write_shards,
)
from .streamed_clips import StreamedClips as StreamedClips
from .synthetic.audioset import build_audioset_demonstration as build_audioset_demonstration
from .synthetic.corpus import (
    DEMONSTRATION_MARK as DEMONSTRATION_MARK,
    build_whole as build_whole,
)
from .synthetic.human_sounds import synthesize_sound as synthesize_sound
from .synthetic.urban_sounds import (
    SoundVariant as SoundVariant,
)
from .synthetic.urbansound import (
    CLASS_NAMES as CLASS_NAMES,
    COLUMNS as COLUMNS,
    build_urbansound_demonstration as build_urbansound_demonstration,
)
