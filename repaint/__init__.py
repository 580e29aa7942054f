"""RePaint: inpainting with unconditional diffusion models (Lugmayr et al., CVPR 2022)."""

__version__ = "0.1.0"
