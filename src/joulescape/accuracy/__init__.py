"""Data sets, building, training, fine-tuning, training on the machine, measuring."""
