"""Shapes of the files a user may write: pydantic models, frozen, unknown keys refused; and sourced values."""
