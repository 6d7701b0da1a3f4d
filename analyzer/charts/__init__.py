"""Charts: one model (model.py), built from tables (figures.py), drawn by three renderers."""
