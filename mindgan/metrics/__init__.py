"""How good the generated images are: distances between distributions of features, and the features."""
