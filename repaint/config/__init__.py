"""Typed YAML configuration: the only place that defines keys, their defaults and their meaning."""
