"""AudioSet's classes and ontology, class selection, label mappings between datasets."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
