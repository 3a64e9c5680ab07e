from .moments import (
    Hit as Hit,
    MomentIndex as MomentIndex,
    Moments as Moments,
    directions as directions,
)
from .outputs import (
    Embeddings as Embeddings,
    Tags as Tags,
    Timeline as Timeline,
)
from .tagger import PretrainedTagger as PretrainedTagger
