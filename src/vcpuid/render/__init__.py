"""An answer as text or JSON. A renderer never decides."""
