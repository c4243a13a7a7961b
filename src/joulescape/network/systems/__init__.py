"""Physical systems as operators: what each is made of and what its twin costs; one module, one `plugin`, a system."""
