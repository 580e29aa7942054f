"""Training a diffusion model."""
