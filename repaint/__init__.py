"""RePaint: inpainting with unconditional diffusion models (Lugmayr et al., CVPR 2022)."""

import os

__version__ = "0.1.0"

# MKL's matrix products then give the same bits with one and with two threads, which they otherwise do not (the README
# tells what more it takes). It is read when MKL is first used, so it must be set early.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")
