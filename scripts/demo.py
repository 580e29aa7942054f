"""Fill holes in the browser: python scripts/demo.py"""

from repaint.commands.launch import script

main = script("demo")

if __name__ == "__main__":
    raise SystemExit(main())
