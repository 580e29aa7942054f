"""Figures. matplotlib is imported here only, lazily."""
