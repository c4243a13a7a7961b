"""Two studies beside each other: what moved, and why."""
