"""From probabilities over time to events: windows, post-processing, streams and tuning."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
