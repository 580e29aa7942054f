"""Train or fine-tune a diffusion model on a folder of pictures.

python scripts/train.py --conf_path confs/train_faces64.yml
torchrun --nproc_per_node=2 scripts/train.py --conf_path confs/train_faces64.yml
"""

from repaint.cli import train_main

if __name__ == "__main__":
    raise SystemExit(train_main())
