"""Draw why RePaint resamples: distance to the true fill against network calls, exact, in seconds.

python scripts/plot_resampling.py --out resampling.png
python scripts/plot_resampling.py --steps 100 --length 5 --passes 1 2 4 8

The pictures are normal with a power-law spectrum, so that the perfect network, RePaint's law and the truth are known;
see `repaint.theory.gaussian_law`. One line slows sampling down (more steps, no jumps), the others resample.
"""

from repaint.commands.launch import script

main = script("resampling")

if __name__ == "__main__":
    raise SystemExit(main())
