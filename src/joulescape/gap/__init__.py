"""The gap study: two shores rebuilt from published data, and the bridge between them from the house's own models."""
