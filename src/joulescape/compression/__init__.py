"""One module per compression method: its settings, its projection, what it saves and where. Torch-free."""
