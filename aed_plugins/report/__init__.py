"""A page that plays a recording along with its detected events, and a picture of the same."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
