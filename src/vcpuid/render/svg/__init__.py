"""Pictures as SVG: they stand alone, follow the reader's light or dark theme, and ask nobody for anything."""
