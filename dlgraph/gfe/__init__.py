"""Running a plan on a machine through the SpiNNaker Graph Front End (GFE)."""
