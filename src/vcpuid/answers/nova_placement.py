"""What placement claims against what hosts have: traits, and flavors that no host can serve."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from vcpuid.answers.nova_plan import Group, Member, NovaPlan
from vcpuid.errors import InputError
from vcpuid.guest.nova.flavor import Flavor
from vcpuid.guest.nova.placement import Aggregate, Content, Inventory, Traits
from vcpuid.rules.nova.check import Result
from vcpuid.rules.nova.guest import configured_cpu
from vcpuid.rules.nova.refusal import NovaRefusalError
from vcpuid.rules.nova.traits import forbidden_traits, known_traits, required_traits

_Value = TypeVar("_Value")
_RESOURCE = re.compile(r"resources(?:[a-zA-Z0-9_-]{1,64})?:(CUSTOM_[A-Z0-9_]+)")
_SCOPE = "aggregate_instance_extra_specs:"


class Named(NamedTuple):
    """A document: where it is from, and what it says."""

    source: str
    content: Content


class Claim(NamedTuple):
    """The traits of a host in placement.

    Attributes:
        host: The host.
        source: The document.
        wrong: Claimed, and the host lacks them.
        absent: What Nova will report with the planned section, and placement does not have yet.
        untold: Claimed, and the evidence does not tell.
    """

    host: str
    source: str
    wrong: tuple[str, ...]
    absent: tuple[str, ...]
    untold: tuple[str, ...]


class Obstacle(NamedTuple):
    """Why a host cannot serve a flavor."""

    host: str
    reason: str


class Service(NamedTuple):
    """A flavor.

    Attributes:
        flavor: Its name.
        hosts: The hosts that can serve it, as far as its traits, resources and aggregates tell.
        obstacles: Why the others cannot.
    """

    flavor: str
    hosts: tuple[str, ...]
    obstacles: tuple[Obstacle, ...]


class PlacementCheck(NamedTuple):
    """The answer.

    Attributes:
        claims: The hosts whose traits were given.
        services: The flavors that were given; those that no host can serve first.
        strangers: Hosts of aggregates that are no host of the plan.
    """

    claims: tuple[Claim, ...]
    services: tuple[Service, ...]
    strangers: tuple[str, ...]

    @property
    def is_fine(self) -> bool:
        """Whether no claim is wrong, and every flavor has a host."""
        return not any(claim.wrong for claim in self.claims) and all(one.hosts for one in self.services)


def check_placement(plan: NovaPlan, documents: Sequence[Named]) -> PlacementCheck:
    """Hold documents of placement and Nova against what the hosts of a plan have.

    Traits and inventories do not say of which host they are: their files are named after it, as in `h07.json` or
    `h07-traits.json`; with one host there is no question.

    Raises:
        InputError: It cannot be told of which host a document is, or two say different things of one.
    """
    checker = _Checker(plan, documents)
    return PlacementCheck(tuple(checker.claims()), tuple(checker.services()), checker.strangers())


class _Checker:
    """Holds the documents by their kind."""

    def __init__(self, plan: NovaPlan, documents: Sequence[Named]) -> None:
        self._members: dict[str, tuple[Group, Member]] = {
            member.name: (group, member) for group, member in plan.members
        }
        self._traits: dict[str, tuple[str, frozenset[str]]] = {}
        self._inventories: dict[str, Mapping[str, int]] = {}
        self._aggregates: list[Aggregate] = []
        self._flavors: list[Flavor] = []
        for source, content in documents:
            if isinstance(content, Traits):
                self._take(self._traits, source, (source, content.names))
            elif isinstance(content, Inventory):
                self._take(self._inventories, source, content.most)
            else:
                self._aggregates += [one for one in content if isinstance(one, Aggregate)]
                self._flavors += [one for one in content if isinstance(one, Flavor)]

    def _take(self, into: dict[str, _Value], source: str, value: _Value) -> None:
        host = self._host_of(source)
        if host in into:
            raise InputError("a second document of its kind for one host", source=source, found=host)
        into[host] = value

    def _host_of(self, source: str) -> str:
        if len(self._members) == 1:
            return next(iter(self._members))
        name = source.rpartition("/")[2]
        fits = [host for host in self._members if re.match(rf"{re.escape(host)}(?![A-Za-z0-9])", name)]
        if not fits:
            raise InputError(
                "it does not say of which host it is",
                source=source,
                expected=f"a file named after one of {', '.join(list(self._members)[:8])}",
                next_step="Save `openstack resource provider trait list -f json UUID` as HOST-traits.json.",
            )
        return max(fits, key=len)

    def claims(self) -> Iterator[Claim]:
        """Compare what placement claims of each host."""
        for host, (source, claimed) in sorted(self._traits.items()):
            group, member = self._members[host]
            of_cpus = claimed & known_traits()
            yield Claim(
                host,
                source,
                wrong=tuple(sorted(of_cpus & member.lacks)),
                absent=tuple(sorted(set(group.reported) - claimed)),
                untold=tuple(sorted(of_cpus - member.lacks - member.has)),
            )

    def services(self) -> Iterator[Service]:
        """Find the hosts that can serve each flavor."""
        answers = [self._service(flavor) for flavor in self._flavors]
        yield from sorted(answers, key=lambda one: (bool(one.hosts), one.flavor))

    def _service(self, flavor: Flavor) -> Service:
        hosts, obstacles = [], []
        for host, (group, member) in sorted(self._members.items()):
            reason = next(self._obstacles(flavor, host, group, member), None)
            if reason is None:
                hosts.append(host)
            else:
                obstacles.append(Obstacle(host, reason))
        return Service(flavor.name, tuple(hosts), tuple(obstacles))

    def _obstacles(self, flavor: Flavor, host: str, group: Group, member: Member) -> Iterator[str]:
        if member.start.result is Result.REFUSED:
            yield f"nova-compute does not start there: {member.start.reason}"
        required, forbidden = required_traits(flavor), forbidden_traits(flavor)
        claimed = self._traits[host][1] if host in self._traits else None
        for trait in required:
            if trait in member.lacks:
                yield f"it lacks {trait}"
            elif claimed is not None and trait not in claimed and trait not in group.reported:
                yield f"placement does not claim {trait} of it, and Nova will not report it"
        yield from _refused(flavor, group, member)
        for trait in forbidden:
            if claimed is not None and trait in claimed:
                yield f"placement claims {trait} of it, which the flavor forbids"
        yield from self._lacking_resources(flavor, host)
        yield from self._outside(flavor, host)

    def _lacking_resources(self, flavor: Flavor, host: str) -> Iterator[str]:
        if host not in self._inventories:
            return
        for key, value in flavor.specs.items():
            matched = _RESOURCE.fullmatch(key)
            if matched and value.isdecimal():
                most = self._inventories[host].get(matched[1], 0)
                if int(value) > most:
                    yield f"it has {most} of {matched[1]} for one guest, and the flavor asks for {value}"

    def _outside(self, flavor: Flavor, host: str) -> Iterator[str]:
        if not self._aggregates:
            return
        mine = [one.properties for one in self._aggregates if host in one.hosts]
        for key, value in flavor.specs.items():
            if key.startswith(_SCOPE):
                name = key.removeprefix(_SCOPE)
                if not any(properties.get(name) == value for properties in mine):
                    yield f"it is in no aggregate with {name}={value}"

    def strangers(self) -> tuple[str, ...]:
        """Give the hosts of aggregates that are not in the plan."""
        named: Iterable[str] = (host for one in self._aggregates for host in one.hosts)
        return tuple(sorted(set(named) - set(self._members)))


def _refused(flavor: Flavor, group: Group, member: Member) -> Iterator[str]:
    """Say that no model of the section has what the flavor's traits require, if so: flags do not count for it."""
    try:
        configured_cpu(group.config, member.nova, flavor)
    except NovaRefusalError as error:
        lacking = (
            f"no model of its section has {', '.join(error.missing)} by itself" if error.missing else error.words
        )
        yield f"Nova fails there at {error.when.value}: {lacking}"
