"""Nova's sections of several hosts, with what goes with them, as a file and as a JSON document."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from vcpuid.answers.nova_placement import Claim, PlacementCheck, Service
from vcpuid.answers.nova_plan import Group, NovaPlan
from vcpuid.answers.party import Basis
from vcpuid.render.document import Document
from vcpuid.render.parties import names_in_short
from vcpuid.rules.nova.check import Result

_PROPERTY = "vcpuid_cpu"
_MOST_OBSTACLES = 8
_PROVIDER = "openstack --os-placement-api-version 1.6 resource provider trait"


def nova_plan_text(plan: NovaPlan, check: PlacementCheck | None) -> str:
    """Write the sections; all that is no section stands in comments, so that of one section the text is a file."""
    lines: list[str] = []
    for hosts, refusal in plan.without:
        lines += [f"# no common CPU for {names_in_short(hosts)}: {refusal}", ""]
    if not plan.is_safe:
        lines += ["# Not migration-safe: of some hosts only an upper bound is known.", ""]
    for group in plan.groups:
        lines += [*_section(group), *(f"# {line}" if line else "#" for line in _commands(group)), ""]
    if check is not None:
        lines += [f"# {line}" if line else "#" for line in _findings(check)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _section(group: Group) -> Iterator[str]:
    yield f"# nova.conf of {', '.join(member.name for member in group.members)}"
    for member in group.members:
        if member.start.result is Result.REFUSED:
            lacking = f": it lacks {' '.join(member.start.missing)}" if member.start.missing else ""
            yield f"# nova-compute will not start on {member.name} with it{lacking or f': {member.start.reason}'}"
    by_cpuid = [member.name for member in group.members if member.offer.party.basis is Basis.CPUID]
    if by_cpuid and group.config.flags:
        yield f"# Known by CPUID alone: {names_in_short(by_cpuid)}"
        yield "# Among the flags may be some that KVM gives no guest, and nova-compute does not start with those."
        yield "# Snapshots of the hosts (`vcpuid collect`) in place of dumps leave them out."
    for rung in group.rungs[1:]:
        yield f"# {rung.model} is for flavors that require {' or '.join(rung.traits)}"
    if group.unmet:
        yield f"# Nova reports {', '.join(group.unmet)} for the flags, and no model has it by itself:"
        yield "# a flavor that requires it comes here and fails at spawn"
    yield from group.section.rstrip("\n").splitlines()


def _commands(group: Group) -> Iterator[str]:
    if group.aggregate:
        name = shlex.quote(group.aggregate)
        yield ""
        yield "These hosts exchange guests of all their models (filter AggregateInstanceExtraSpecsFilter):"
        yield f"openstack aggregate create --property {_PROPERTY}={name} {name}"
        for member in group.members:
            yield f"openstack aggregate add host {name} {shlex.quote(member.name)}"
        yield f"openstack flavor set --property aggregate_instance_extra_specs:{_PROPERTY}={name} FLAVOR"
    for rung in group.rungs[1:]:
        yield ""
        yield f"A flavor whose guests get {rung.model}:"
        yield f"openstack flavor set --property trait:{rung.traits[0]}=required FLAVOR"
    if group.by_hand:
        yield ""
        yield "Guests have these as well, and Nova never reports them; set them beside those that are there:"
        traits = " ".join(f"--trait {trait}" for trait in group.by_hand)
        yield f"for host in {' '.join(shlex.quote(member.name) for member in group.members)}; do"
        yield '  uuid=$(openstack resource provider list --name "$host" -f value -c uuid)'
        yield f'  set -- $({_PROVIDER} list -f value "$uuid" | sed "s/^/--trait /")'
        yield f'  {_PROVIDER} set "$@" {traits} "$uuid"'
        yield "done"


def _findings(check: PlacementCheck) -> Iterator[str]:
    yield "What placement says:"
    for claim in check.claims:
        yield from _claim(claim)
    for service in check.services:
        yield from _service(service)
    if check.strangers:
        yield f"aggregates have hosts of which nothing is known here: {names_in_short(check.strangers)}"


def _claim(claim: Claim) -> Iterator[str]:
    if claim.wrong:
        yield f"error: {claim.source}: claimed, and {claim.host} lacks {', '.join(claim.wrong)}"
    if claim.absent:
        yield f"{claim.source}: Nova will report besides {', '.join(claim.absent)}"
    if claim.untold:
        yield f"{claim.source}: claimed, and nothing is known of {', '.join(claim.untold)}"
    if not (claim.wrong or claim.absent or claim.untold):
        yield f"{claim.source}: agrees with {claim.host}"


def _service(service: Service) -> Iterator[str]:
    if service.hosts:
        yield f"flavor {service.flavor}: {names_in_short(service.hosts)}"
        return
    yield f"error: no host can serve the flavor {service.flavor}"
    for obstacle in service.obstacles[:_MOST_OBSTACLES]:
        yield f"  {obstacle.host}: {obstacle.reason}"
    if len(service.obstacles) > _MOST_OBSTACLES:
        yield f"  and {len(service.obstacles) - _MOST_OBSTACLES} more hosts; JSON has all"


def nova_plan_document(plan: NovaPlan, check: PlacementCheck | None) -> Document:
    """Give the sections, what goes with them, and what placement says."""
    return {
        "schema": "vcpuid-baseline-nova/1",
        "is_migration_safe": plan.is_safe,
        "groups": [_group_document(group) for group in plan.groups],
        "without": [{"hosts": list(hosts), "refusal": refusal} for hosts, refusal in plan.without],
        "placement": None if check is None else _check_document(check),
        "rests_on": plan.rests_on,
    }


def _group_document(group: Group) -> Document:
    return {
        "aggregate": group.aggregate or None,
        "hosts": [
            {"name": member.name, "start": member.start.result.value, "missing": list(member.start.missing)}
            for member in group.members
        ],
        "cpu_models": [{"model": rung.model, "for_traits": list(rung.traits)} for rung in group.rungs],
        "section": group.section,
        "reported_traits": list(group.reported),
        "unmet_traits": list(group.unmet),
        "traits_by_hand": list(group.by_hand),
        "commands": [line for line in _commands(group) if line and not line.endswith(":")],
        "unsaid": [{"what": one.what, "why": one.why} for one in group.unsaid],
    }


def _check_document(check: PlacementCheck) -> Document:
    return {
        "is_fine": check.is_fine,
        "hosts": [
            {
                "host": claim.host,
                "source": claim.source,
                "wrong": list(claim.wrong),
                "absent": list(claim.absent),
                "untold": list(claim.untold),
            }
            for claim in check.claims
        ],
        "flavors": [
            {
                "flavor": service.flavor,
                "hosts": list(service.hosts),
                "obstacles": [obstacle._asdict() for obstacle in service.obstacles],
            }
            for service in check.services
        ],
        "strangers": list(check.strangers),
    }
