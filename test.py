"""Fill the holes in pictures: python test.py --conf_path confs/face_example.yml"""

from repaint.cli import inpaint_main

raise SystemExit(inpaint_main())
