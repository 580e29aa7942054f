"""Fill the holes in pictures: python test.py --conf_path confs/face_example.yml"""

from repaint.commands.fill import main

if __name__ == "__main__":
    raise SystemExit(main())
