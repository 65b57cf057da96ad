"""Charts as files. Law: the same chart is the same bytes, whenever it is drawn."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure


def save(figure: Figure, path: Path) -> None:
    """Write a chart as SVG; neither the date nor ids drawn by lot get into it."""
    with mpl.rc_context({"svg.hashsalt": path.stem}):
        figure.savefig(path, metadata={"Date": None})
