"""Networks and their weights files. Knows no diffusion process, no picture, no configuration."""
