from .moments import (
    Hit as Hit,
    MomentIndex as MomentIndex,
    Moments as Moments,
    directions as directions,
)
from .outputs import Tags as Tags
from .tagger import PretrainedTagger as PretrainedTagger
