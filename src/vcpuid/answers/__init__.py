"""The questions that people ask, answered from evidence; no text is made here."""
