"""Draw how near to the true fill each conditioning method comes with so many network calls, exact, in a minute or two.

python scripts/plot_methods.py --out methods.png
python scripts/plot_methods.py --calls 20 40 80 --masks genhalf thick

The pictures are normal with a power-law spectrum, so that the perfect network, each method's law and the truth are
known; see `repaint.theory.method_laws`. Each method takes the best of a small grid of steps and parameters at each
number of calls; a backward pass counts as two. What is best here need not be best for a trained network.
"""

from repaint.commands.launch import script

main = script("methods_figure")

if __name__ == "__main__":
    raise SystemExit(main())
