from .clip_dataset import (
    collate as collate,
    make_fold_dataset as make_fold_dataset,
    make_target_item as make_target_item,
    make_waveform_dataset as make_waveform_dataset,
)
from .dataset import (
    DEMONSTRATION as DEMONSTRATION,
    Dataset as Dataset,
    LabelType as LabelType,
)
from .datasets.audioset.dataset import AudioSet as AudioSet
from .datasets.custom.dataset import CustomDataset as CustomDataset
from .datasets.esc50 import (
    ESC50 as ESC50,
    OWN_FOLDS as OWN_FOLDS,
)
from .datasets.registry import (
    DATASETS as DATASETS,
    find_dataset as find_dataset,
)
from .datasets.urbansound8k import UrbanSound8K as UrbanSound8K
from .folds import (
    Fold as Fold,
    FoldSplit as FoldSplit,
    assign_folds as assign_folds,
    count_recordings as count_recordings,
    make_fold_splits as make_fold_splits,
)
from .manifest import (
    Manifest as Manifest,
    compute_manifest_fingerprint as compute_manifest_fingerprint,
    read_manifest as read_manifest,
)
from .packing import (
    ClipSource as ClipSource,
    PackedClip as PackedClip,
    PackingResult as PackingResult,
    pack_clips as pack_clips,
)
from .preparation import (
    ListedClip as ListedClip,
    PreparedData as PreparedData,
    default_prepared_folder as default_prepared_folder,
    describe_data as describe_data,
    pack_listed_clips as pack_listed_clips,
    read_csv_rows as read_csv_rows,
    report_incomplete as report_incomplete,
    write_manifest as write_manifest,
)
from .shard_index import (
    ShardIndex as ShardIndex,
    import_webdataset as import_webdataset,
    read_shard_index as read_shard_index,
)
from .shard_reader import StreamedClips as StreamedClips
from .shard_writer import write_shards as write_shards
from .synthetic.audioset import build_audioset_demonstration as build_audioset_demonstration
from .synthetic.clip_synthesizer import ClipSynthesizer as ClipSynthesizer
from .synthetic.corpus import (
    DEMONSTRATION_MARK as DEMONSTRATION_MARK,
    build_corpus as build_corpus,
)
from .synthetic.human_sounds import synthesize_sound as synthesize_sound
from .synthetic.urbansound import (
    URBANSOUND_CLASSES as URBANSOUND_CLASSES,
    URBANSOUND_COLUMNS as URBANSOUND_COLUMNS,
    build_urbansound_demonstration as build_urbansound_demonstration,
)
