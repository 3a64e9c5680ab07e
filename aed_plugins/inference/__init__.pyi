from .moments import (
    Hit as Hit,
)
from .moments import (
    MomentIndex as MomentIndex,
)
from .moments import (
    Moments as Moments,
)
from .moments import (
    directions as directions,
)
from .outputs import Tags as Tags
from .tagger import PretrainedTagger as PretrainedTagger
