"""Fill and tile the README's gallery: python scripts/make_gallery.py --out examples/gallery.png"""

from repaint.commands.launch import script

main = script("gallery")

if __name__ == "__main__":
    raise SystemExit(main())
