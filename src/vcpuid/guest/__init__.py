"""A guest CPU definition in each dialect, one file a dialect."""
