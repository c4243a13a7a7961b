"""The mapper: how a layer runs on an array with a memory hierarchy, searched exactly. See docs/mapper.md."""
