"""What every response forbids the browser."""

from __future__ import annotations

from typing import Final


def content_policy(*, style: str = "'self'") -> str:
    """Give the content security policy: nothing from elsewhere, no script but ours, in nobody's frame.

    Args:
        style: Which styles a page may have.
    """
    return (
        f"default-src 'none'; style-src {style}; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    )


HEADERS: Final = {
    "content-security-policy": content_policy(),
    "x-content-type-options": "nosniff",
    # With less, a browser does not say where its form comes from. Another site never learns what was looked at.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # Pages show hosts: no copy of one stays with a browser or a proxy. What may stay says so.
    "cache-control": "no-store",
}
"""Headers that a response has where it does not set them itself."""
FORM_ANSWER: Final = HEADERS | {"cache-control": "private, no-cache"}
"""Those of a page that answers a form: with less, who goes back to it would have to send the form again."""
