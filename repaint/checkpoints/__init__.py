"""Checkpoints: formats, detection of the architecture, and resolving a configuration against them."""
