"""The doctor's steps to quotes of the host, which TDX guests need: devices, certificates, services."""

from __future__ import annotations

from vcpuid.answers.sgx.step import Conclusion, conclude, unread
from vcpuid.answers.sgx.subject import Subject
from vcpuid.evidence import Evidence, Gap
from vcpuid.evidence.sgx import QuoteEvidence
from vcpuid.terms.verdict import Provenance

_DRIVER, _PROVISION = "/dev/sgx_enclave", "/dev/sgx_provision"
_QCNL = "/etc/sgx_default_qcnl.conf"
_ADDRESSES = ("pccs_url", "collateral_service", "local_pck_url")
_REQUEST = "SgxRegistrationServerRequest"
_NOBODY = Gap("quotes", "not looked for by the collector that took this snapshot", "Take a new snapshot.")


def judge_driver(subject: Subject) -> Conclusion:
    """Judge whether the host's own driver has started."""
    return _judge_device(subject.evidence, "driver", _DRIVER)


def judge_provision(subject: Subject) -> Conclusion:
    """Judge whether the device that gives the provisioning key is there."""
    return _judge_device(subject.evidence, "provision", _PROVISION)


def _judge_device(evidence: Evidence, step: str, path: str) -> Conclusion:
    if isinstance(evidence.sgx, Gap):
        return unread(step, evidence.sgx)
    device = evidence.sgx.devices.get(path)
    if device is None:
        return conclude(f"{step}.missing", f"no {path}", [Provenance(path, "not there")])
    return conclude(f"{step}.there", str(device), [Provenance(path, str(device))])


def judge_pccs(subject: Subject) -> Conclusion:
    """Judge the quote provider library's configuration."""
    evidence = subject.evidence
    quotes = _quotes(evidence)
    refused = evidence.problem("sgx", _QCNL)
    if isinstance(quotes, Gap) or refused is not None:
        return unread("pccs", refused or (quotes if isinstance(quotes, Gap) else _NOBODY))
    if quotes.settings is None:
        return conclude("pccs.none", f"no {_QCNL}")
    proof = [Provenance(f"{_QCNL}: {key}", value) for key, value in quotes.settings.items()]
    address = next((quotes.settings[key] for key in _ADDRESSES if key in quotes.settings), None)
    if address is None:
        return conclude("pccs.unset", "no pccs_url", proof)
    checks = quotes.settings.get("use_secure_cert", "true").lower() != "false"
    return conclude(f"pccs.{'set' if checks else 'any-certificate'}", address, proof)


def judge_service(subject: Subject) -> Conclusion:
    """Judge whether a service that makes quotes listens."""
    quotes = _quotes(subject.evidence)
    if isinstance(quotes, Gap):
        return unread("service", quotes)
    there = [path for path, is_there in quotes.sockets.items() if is_there]
    proof = [
        Provenance(path, "a socket" if is_there else "not there") for path, is_there in quotes.sockets.items()
    ]
    if there:
        return conclude("service.listens", ", ".join(there), proof)
    return conclude("service.silent", "no socket", proof)


def judge_registration(subject: Subject) -> Conclusion:
    """Judge by firmware's variables whether a registration of the platform is pending."""
    quotes = _quotes(subject.evidence)
    if isinstance(quotes, Gap):
        return unread("registration", quotes)
    if quotes.registration is None:
        return conclude("registration.unread", "no EFI variables")
    proof = [Provenance("/sys/firmware/efi/efivars", name) for name in quotes.registration]
    if _REQUEST in quotes.registration:
        return conclude("registration.pending", _REQUEST, proof)
    if not quotes.registration:
        return conclude("registration.no-variables", "none of SgxRegistration*")
    return conclude("registration.quiet", f"no {_REQUEST}", proof)


def _quotes(evidence: Evidence) -> QuoteEvidence | Gap:
    if isinstance(evidence.sgx, Gap):
        return evidence.sgx
    return evidence.sgx.quotes or _NOBODY
