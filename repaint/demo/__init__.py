"""Inpainting in the browser: a local page over `repaint.inpainter`."""
