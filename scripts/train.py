"""Train a diffusion model on a folder of pictures: python scripts/train.py --conf_path confs/train_faces64.yml"""

from repaint.commands.launch import script

main = script("train")

if __name__ == "__main__":
    raise SystemExit(main())
