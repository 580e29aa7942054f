"""BatchLoop in the browser: a page over `repaint.inpainting`."""
