"""Evaluation: metrics against the truth, classical baselines, distances between sets of pictures, reports."""
