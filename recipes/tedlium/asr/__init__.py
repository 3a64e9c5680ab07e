"""Speech recognition for TED-LIUM: formats, recognizers, scoring, segmentation, pages."""
