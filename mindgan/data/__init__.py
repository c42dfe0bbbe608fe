"""Files to uint8 images to batches."""
