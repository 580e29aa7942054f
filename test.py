"""Fill the holes in pictures: python test.py --conf_path confs/face_example.yml"""

from repaint.commands.launch import script

main = script("fill")

if __name__ == "__main__":
    raise SystemExit(main())
