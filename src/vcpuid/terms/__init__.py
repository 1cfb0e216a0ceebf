"""The vocabulary: plain frozen values that every other room speaks in. No input or output happens here."""
