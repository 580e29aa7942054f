"""Visualisation of results: contact sheets, animations, figures."""
