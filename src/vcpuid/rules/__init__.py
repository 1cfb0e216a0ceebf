"""Each project's reasoning, from its documented behaviour and from measurement."""
