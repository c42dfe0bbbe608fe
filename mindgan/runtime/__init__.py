"""What every run stands on: errors for people, files, randomness, the device, the run directory, progress."""
