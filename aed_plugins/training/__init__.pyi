from .augmentation.augmentation import (
    Augmentation as Augmentation,
)
from .augmentation.augmentation import (
    SpectrumChange as SpectrumChange,
)
from .augmentation.mixing import (
    BetweenClassMixing as BetweenClassMixing,
)
from .augmentation.mixing import (
    Mixing as Mixing,
)
from .augmentation.mixing import (
    Mixture as Mixture,
)
from .augmentation.mixing import (
    Mixup as Mixup,
)
from .augmentation.waveform import (
    Gain as Gain,
)
from .augmentation.waveform import (
    RandomCrop as RandomCrop,
)
from .augmentation.waveform import (
    TimeShift as TimeShift,
)
from .balancing import (
    balanced_sampler as balanced_sampler,
)
from .balancing import (
    count_labels as count_labels,
)
from .balancing import (
    list_labels as list_labels,
)
from .balancing import (
    passes_per_epoch as passes_per_epoch,
)
from .brain import TaggingBrain as TaggingBrain
from .brain_factory import make_brain as make_brain
from .checkpoints import AtomicCheckpointer as AtomicCheckpointer
from .distillation import (
    Teacher as Teacher,
)
from .distillation import (
    make_teacher as make_teacher,
)
from .distributed import (
    SharedError as SharedError,
)
from .distributed import (
    number_of_processes as number_of_processes,
)
from .distributed import (
    run_on_main as run_on_main,
)
from .ema import EMA as EMA
from .embedding_cache import (
    cache_embeddings as cache_embeddings,
)
from .embedding_cache import (
    embedding_dataset as embedding_dataset,
)
from .fine_tuning import FineTuning as FineTuning
from .frozen_brain import FrozenEncoderBrain as FrozenEncoderBrain
from .history import (
    History as History,
)
from .history import (
    TensorboardEpochs as TensorboardEpochs,
)
from .initial_model import (
    INITIAL_MODEL_OPTION as INITIAL_MODEL_OPTION,
)
from .initial_model import (
    InitialModel as InitialModel,
)
from .prediction import predict_probabilities as predict_probabilities
from .schedules import (
    constant as constant,
)
from .schedules import (
    warmup_cosine as warmup_cosine,
)
from .tasks.factory import make_task as make_task
from .tasks.multi_label import (
    RATES as RATES,
)
from .tasks.multi_label import (
    MultiLabel as MultiLabel,
)
from .tasks.single_label import SingleLabel as SingleLabel
from .tasks.task import Task as Task
