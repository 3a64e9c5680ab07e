from .mapping import (
    LabelMatching as LabelMatching,
)
from .mapping import (
    LabelPair as LabelPair,
)
from .mapping import (
    mapped_names as mapped_names,
)
from .mapping import (
    match_labels as match_labels,
)
from .mapping import (
    read_mapping as read_mapping,
)
from .ontology import (
    PAPER_CLASSES as PAPER_CLASSES,
)
from .ontology import (
    Ontology as Ontology,
)
from .ontology import (
    read_ontology as read_ontology,
)
from .selection import (
    audioset_labels as audioset_labels,
)
from .selection import (
    select_classes as select_classes,
)
