"""Texts in XML: as they stand there, and as they are.

Python's own `xml.sax.saxutils` does the same, and imports a client of HTTP and TLS with it: a quarter of the time
in which the collector's modules are there.
"""


def escape(text: str) -> str:
    """Return a text as it stands between tags."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """Return the text that stands between tags, which `escape` or libvirt wrote."""
    return text.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&")


def quote(text: str) -> str:
    """Return a text as an attribute's value, with its quotes; a parser gives its line breaks and tabs back."""
    text = escape(text).replace("\n", "&#10;").replace("\r", "&#13;").replace("\t", "&#9;")
    if '"' not in text:
        return '"%s"' % text
    return '"%s"' % text.replace('"', "&quot;") if "'" in text else "'%s'" % text
