"""The training loop, which knows no model, and all that must survive a restart."""
