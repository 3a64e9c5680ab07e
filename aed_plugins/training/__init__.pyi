from .augmentation.augmentation import (
    Augmentation as Augmentation,
    SpectrumChange as SpectrumChange,
)
from .augmentation.mixing import (
    BetweenClassMixing as BetweenClassMixing,
    Mixing as Mixing,
    Mixture as Mixture,
    Mixup as Mixup,
)
from .augmentation.waveform import (
    Gain as Gain,
    RandomCrop as RandomCrop,
    TimeShift as TimeShift,
)
from .balancing import (
    balanced_sampler as balanced_sampler,
    list_labels as list_labels,
)
from .brain import TaggingBrain as TaggingBrain
from .brain_factory import make_brain as make_brain
from .checkpoints import AtomicCheckpointer as AtomicCheckpointer
from .distillation import (
    TEACHER_OPTION as TEACHER_OPTION,
    Teacher as Teacher,
    make_teacher as make_teacher,
)
from .distributed import (
    SharedError as SharedError,
    number_of_processes as number_of_processes,
    run_on_main as run_on_main,
)
from .ema import EMA as EMA
from .embedding_cache import (
    cache_embeddings as cache_embeddings,
    embedding_dataset as embedding_dataset,
)
from .feature_normalization import fit_normalization as fit_normalization
from .fine_tuning import FineTuning as FineTuning
from .frozen_encoder_brain import FrozenEncoderBrain as FrozenEncoderBrain
from .history import (
    EpochLogger as EpochLogger,
    History as History,
)
from .initial_model import (
    INITIAL_MODEL_OPTION as INITIAL_MODEL_OPTION,
    InitialModel as InitialModel,
)
from .prediction import predict_probabilities as predict_probabilities
from .schedules import (
    constant as constant,
    warmup_cosine as warmup_cosine,
)
from .settings import TrainingSettings as TrainingSettings
from .tasks.factory import make_task as make_task
from .tasks.multi_label import (
    RATES as RATES,
    MultiLabel as MultiLabel,
)
from .tasks.single_label import SingleLabel as SingleLabel
from .tasks.task import Task as Task
from .training_clips import (
    ListedClips as ListedClips,
    ShardClips as ShardClips,
    TrainingClips as TrainingClips,
    passes_per_epoch as passes_per_epoch,
)
