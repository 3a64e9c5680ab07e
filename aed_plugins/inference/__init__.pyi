from .embedding_index import (
    EmbeddingIndex as EmbeddingIndex,
    Hit as Hit,
    normalize as normalize,
)
from .outputs import (
    Embeddings as Embeddings,
    Tags as Tags,
)
from .tagger import PretrainedTagger as PretrainedTagger
