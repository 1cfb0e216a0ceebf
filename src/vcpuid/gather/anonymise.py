"""Names and UUIDs of a snapshot replaced by stable tokens.

The same name gives the same token within a document, and in every document made with the same key, so that
fleets can still be joined. Limits: whoever can guess a name and knows the key (without --anonymise-key it is
empty) can confirm the guess; paths, PIDs, versions and the hardware itself stay, and may tell a machine to those
who know it.
"""

import hashlib
import re
from typing import Dict, Iterator
from urllib.parse import urlsplit

from .record import Data, Json
from .xml_text import escape, unescape

_UUID = re.compile(r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b")
_URL_HOST = re.compile(r"^(https?://)(\[[^\]]*\]|[^/:]*)")
_OWN_HOSTS = ("localhost", "127.0.0.1", "[::1]")
_DOMAIN_NAME = re.compile(r"(<domain\b[^>]*><name>)([^<]*)(</name>)")


def anonymise(document: Data, key: str = "") -> Data:
    """Return a copy of a snapshot document without names of hosts and guests, and without UUIDs."""
    return _Anonymiser(key, document).document(document)


class _Anonymiser:
    def __init__(self, key: str, document: Data) -> None:
        self._key = hashlib.sha256(key.encode("utf-8")).digest()
        host = document["host"]["name"]
        tokens = {host: self.token("host", host)} if host else {}
        tokens.update((name, self.token("guest", name)) for name in _guest_names(document))
        self._tokens: Dict[str, str] = tokens

    def token(self, kind: str, value: str) -> str:
        """Return a token such as `guest-3f2a91c0`."""
        return "%s-%s" % (kind, self._digest(kind, value).hex()[:10])

    def _digest(self, kind: str, value: str) -> bytes:
        return hashlib.blake2b(
            (kind + "\0" + value).encode("utf-8", "replace"), key=self._key, digest_size=16
        ).digest()

    def _uuid(self, found: "re.Match[str]") -> str:
        digits = self._digest("uuid", found.group().lower()).hex()
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    def document(self, document: Data) -> Data:
        """Replace in every string: UUIDs anywhere, names where names stand."""
        clean: Data = self._any(document)
        clean["host"]["name"] = self._tokens.get(document["host"]["name"], "")
        clean["collector"]["anonymised"] = True
        for name, source in clean["sources"].items():
            source["problems"] = [
                {field: self._replace_names(text) for field, text in problem.items()}
                for problem in source["problems"]
            ]
            if source["data"] is not None:
                self._source(name, source["data"])
        return clean

    def _source(self, name: str, data: Data) -> None:
        if name == "domains":
            for domain in data["domains"]:
                self._domain(domain)
        elif name == "processes":
            for process in data["processes"]:
                process["name"] = self._name(process["name"])
        elif name == "monitor":
            for guest in data["guests"]:
                guest["domain"] = self._name(guest["domain"])
        elif name == "libvirt":
            data["uri"] = _without_authority(data["uri"])
            if data["virsh"]:
                data["virsh"] = self._replace_names(data["virsh"])
        elif name == "sgx":
            self._addresses(data["quotes"]["qcnl"] or {})

    def _domain(self, domain: Data) -> None:
        domain["name"] = self._name(domain["name"])
        for version in ("inactive", "live", "started"):
            domain[version] = self._xml(domain[version])

    def _addresses(self, settings: Data) -> None:
        for key, value in settings.items():
            settings[key] = _URL_HOST.sub(self._url_host, value)

    def _url_host(self, found: "re.Match[str]") -> str:
        host = found.group(2)
        return found.group(1) + (host if host in _OWN_HOSTS else self.token("host", host))

    def _any(self, value: Json) -> Json:
        if isinstance(value, str):
            return _UUID.sub(self._uuid, value)
        if isinstance(value, list):
            return [self._any(one) for one in value]
        if isinstance(value, dict):
            return {name: self._any(one) for name, one in value.items()}
        return value

    def _name(self, name: Json) -> Json:
        return self._tokens.get(name, name) if isinstance(name, str) else name

    def _xml(self, xml: Json) -> Json:
        if not isinstance(xml, str):
            return xml
        return _DOMAIN_NAME.sub(
            lambda found: found.group(1) + escape(self._name(unescape(found.group(2)))) + found.group(3), xml
        )

    def _replace_names(self, text: str) -> str:
        for name in sorted(self._tokens, key=len, reverse=True):
            text = re.sub(r"(?<![\w-])%s(?![\w-])" % re.escape(name), self._tokens[name], text)
        return text


def _guest_names(document: Data) -> Iterator[str]:
    places = (
        ("domains", "domains", "name"),
        ("processes", "processes", "name"),
        ("monitor", "guests", "domain"),
    )
    for source, records, field in places:
        data = document["sources"].get(source, {}).get("data")
        for one in data[records] if data else ():
            if one[field]:
                yield one[field]


def _without_authority(uri: str) -> str:
    """Return a connection URI without user, host and query: `qemu+ssh:///system`."""
    parts = urlsplit(uri)
    return "%s://%s" % (parts.scheme, parts.path)
