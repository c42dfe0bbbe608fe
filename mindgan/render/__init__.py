"""Arrays to pictures: grids, loss curves, GIFs and the HTML report of a run."""
