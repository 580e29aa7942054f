"""Write mask files made by rule: python scripts/make_masks.py thick --out data/masks/thick"""

from repaint.commands.launch import script

main = script("masks")

if __name__ == "__main__":
    raise SystemExit(main())
