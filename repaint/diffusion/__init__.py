"""The diffusion process. Knows no network, no file, no configuration."""
