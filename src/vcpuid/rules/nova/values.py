"""Values of flavors and images, as Nova converts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from vcpuid.guest.nova.flavor import Flavor, Image
from vcpuid.rules.nova.refusal import NovaRefusalError, When
from vcpuid.terms.place import Place

_MOST_CELLS = 128  # of which Nova reads hw:numa_cpus.N
_MOST_CPUS = 1 << 20  # a range wider than any guest

# Properties of an image that Nova takes for numbers; one that is none refuses the image whole.
_NUMBERS = (
    *(f"hw_cpu_{name}" for name in ("sockets", "cores", "threads", "max_sockets", "max_cores", "max_threads")),
    "hw_numa_nodes",
    "hw_maxphysaddr_bits",
)
_CHOICES = {
    "hw_cpu_policy": ("dedicated", "shared", "mixed"),
    "hw_cpu_thread_policy": ("prefer", "isolate", "require"),
    "hw_maxphysaddr_mode": ("passthrough", "emulate"),
}
_ARCH_ALIASES = {
    "i386": "i686",
    "i486": "i686",
    "i586": "i686",
    "x86_32": "i686",
    "x86_32p": "i686",
    "amd64": "x86_64",
}
_ARCHITECTURES = frozenset(
    [
        "aarch64",
        "alpha",
        "armv6",
        "armv7b",
        "armv7l",
        "cris",
        "i686",
        "ia64",
        "lm32",
        "m68k",
        "microblaze",
        "microblazeel",
        "mips",
        "mips64",
        "mips64el",
        "mipsel",
        "openrisc",
        "parisc",
        "parisc64",
        "ppc",
        "ppc64",
        "ppc64le",
        "ppcemb",
        "ppcle",
        "s390",
        "s390x",
        "sh4",
        "sh4eb",
        "sparc",
        "sparc64",
        "unicore32",
        "x86_64",
        "xtensa",
        "xtensaeb",
    ]
)


class Wishes(NamedTuple):
    """A flavor and an image, the image's values converted.

    Attributes:
        flavor: The flavor.
        numbers: The image's properties that are numbers.
        texts: Its other properties.
        cpus: Its CPUs of each NUMA node; None where it names none.
        memories_mib: Its memory of each NUMA node; None where it names none.
        arch: The architecture that it names, or None.
        place: Where it stands.
    """

    flavor: Flavor
    numbers: dict[str, int]
    texts: dict[str, str]
    cpus: list[set[int]] | None
    memories_mib: list[int] | None
    arch: str | None
    place: Place

    @property
    def flavor_place(self) -> Place:
        """Where the flavor stands."""
        return Place(self.flavor.source or f"flavor {self.flavor.name}")


def convert(flavor: Flavor, image: Image | None) -> Wishes:
    """Convert what a guest is made of.

    Raises:
        NovaRefusalError: A property of the image is of another kind than Nova takes.
    """
    properties = image.properties if image else {}
    place = Place((image.source or f"image {image.name}") if image else "no image")
    numbers = {name: _number(properties[name], name, place) for name in _NUMBERS if name in properties}
    for name, choices in _CHOICES.items():
        if name in properties and properties[name] not in choices:
            raise _invalid(name, properties[name], place)
    cpus = [parse_cpus(text, When.SCHEDULE, place) for text in numbered(properties, "hw_numa_cpus")]
    memories = [_number(text, "hw_numa_mem", place) for text in numbered(properties, "hw_numa_mem")]
    return Wishes(
        flavor=flavor,
        numbers=numbers,
        texts={key: value for key, value in properties.items() if key not in numbers},
        cpus=cpus or None,
        memories_mib=memories or None,
        arch=_arch_of(properties, place),
        place=place,
    )


def numbered(values: Mapping[str, str], key: str) -> list[str]:
    """Give the values of `key.0`, `key.1`... up to the first that is not there."""
    found = []
    for number in range(_MOST_CELLS):
        text = values.get(f"{key}.{number}")
        if text is None:
            break
        found.append(text)
    return found


def _number(text: str, name: str, place: Place) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise NovaRefusalError("ValueError", f"{name}: {error}", When.SCHEDULE, place) from None


def _invalid(name: str, value: str, place: Place) -> NovaRefusalError:
    return NovaRefusalError("ValueError", f"Field value {value} is invalid ({name})", When.SCHEDULE, place)


def _arch_of(properties: Mapping[str, str], place: Place) -> str | None:
    """Give the architecture of the emulation, else of the image; Nova takes an emulation's word first."""
    found = None
    for name in ("architecture", "hw_architecture", "hw_emulation_architecture"):
        text = properties.get(name)
        if text is not None:
            lower = text.lower()
            found = _ARCH_ALIASES.get(lower, lower)
            if found not in _ARCHITECTURES:
                raise NovaRefusalError(
                    "ValueError", f"Architecture name '{text}' is not valid", When.SCHEDULE, place
                )
    return found


def parse_cpus(text: str, when: When, place: Place) -> set[int]:
    """Read a set of CPUs: numbers, ranges, and `^` before what is left out.

    Raises:
        NovaRefusalError: A part of it is none of these.
    """
    taken: set[int] = set()
    left_out: set[int] = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        target = left_out if part.startswith("^") else taken
        first, dash, last = part.removeprefix("^").partition("-")
        try:
            start = int(first)
            end = int(last) if dash else start
        except ValueError:
            raise NovaRefusalError("Invalid", f"Invalid expression '{part}'", when, place) from None
        if start > end or end - start > _MOST_CPUS:
            raise NovaRefusalError("Invalid", f"Invalid range expression '{part}'", when, place)
        target |= set(range(start, end + 1))
    return taken - left_out
