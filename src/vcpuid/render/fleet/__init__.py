"""The answers of `fleet`, one file a question: as text, as JSON documents, as metrics."""
