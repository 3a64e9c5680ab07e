from . import (
    annotations as annotations,
    audio as audio,
    cli as cli,
    core as core,
    data as data,
    detection as detection,
    experiments as experiments,
    inference as inference,
    labels as labels,
    metrics as metrics,
    models as models,
    pretrained as pretrained,
    report as report,
    training as training,
)
from .inference import PretrainedTagger as PretrainedTagger

__version__: str
