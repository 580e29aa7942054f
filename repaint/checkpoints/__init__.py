"""Weights files of all formats, and the architecture they hold."""
