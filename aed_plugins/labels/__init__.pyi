from .mapping import (
    LabelMatching as LabelMatching,
    LabelPair as LabelPair,
    match_labels as match_labels,
    pair_labels as pair_labels,
    read_mapping as read_mapping,
)
from .ontology import (
    PAPER_CLASSES as PAPER_CLASSES,
    Ontology as Ontology,
    read_ontology as read_ontology,
)
from .selection import (
    audioset_labels as audioset_labels,
    select_classes as select_classes,
)
