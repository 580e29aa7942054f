"""Networks, and how to run them fast. Independent of diffusion process, pictures and configuration."""
