from .inference import PretrainedTagger as PretrainedTagger

__version__: str
