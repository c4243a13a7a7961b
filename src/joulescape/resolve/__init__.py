"""YAML and registries -> DesignSpace, Candidate, Machine; pairs that meet. Torch-free."""
