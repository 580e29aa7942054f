"""Typed YAML configuration."""
