"""What a -cpu option comes to on a machine type, before anybody asks what can be given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from vcpuid.errors import InputError
from vcpuid.guest.qemu import CpuArgument
from vcpuid.rules.qemu.knowledge import Change, Machine, Qemu, QemuModel
from vcpuid.terms.guest import Accelerator, CpuMode
from vcpuid.terms.place import Place

_HOST_LIKE = {CpuMode.HOST_PASSTHROUGH: "host", CpuMode.MAXIMUM: "max"}
_LEAST = "min-"  # a maximum that features may raise


class Asker(Enum):
    """Who turned a feature on or off last."""

    MODEL = "model"
    ACCELERATOR = "accelerator or machine type"
    DEFINITION = "definition"


@dataclass(frozen=True, slots=True)
class Definition:
    """A guest's CPU as it is asked for.

    Attributes:
        model: The model, a version where the machine type makes one of the name.
        on: The features that are on, and who turned each on.
        off: The features that were turned off, and by whom.
        settings: Every property that is no feature and not at its default.
        named: The settings that are not the model's own.
    """

    model: QemuModel
    on: Mapping[str, Asker]
    off: Mapping[str, Asker]
    settings: Mapping[str, str]
    named: frozenset[str]

    def is_on(self, name: str, qemu: Qemu) -> bool:
        """Tell whether a feature or a switch is on."""
        if name in qemu.features:
            return name in self.on
        return self.setting(name, qemu) in ("on", "yes", "true")

    def setting(self, name: str, qemu: Qemu) -> str:
        """Give a property's value; empty where this QEMU has no such property."""
        return self.settings.get(name) or qemu.properties.get(name, ("", ""))[1]


def define(argument: CpuArgument | None, qemu: Qemu, machine: Machine, accelerator: Accelerator) -> Definition:
    """Work out the model's contents on a machine type and what the definition changes about them.

    Args:
        argument: The -cpu option; None where there is none.
        qemu: The knowledge by which to judge.
        machine: The machine type.
        accelerator: Who runs the guest.

    Raises:
        InputError: This QEMU would not start: it has no such model or property.
    """
    name = _model_name(argument, machine)
    if name == "host" and accelerator is Accelerator.TCG:
        source = argument.cpu.place.source if argument else None
        raise InputError("QEMU has no model `host` under TCG", source=source, found="host", expected="max")
    draft = _Draft(qemu, qemu.model(qemu.version_meant(name, machine)))
    for change in qemu.changes(machine, accelerator):
        draft.change(change, name)
    if argument is not None:
        draft.follow(argument)
    return draft.definition()


def _model_name(argument: CpuArgument | None, machine: Machine) -> str:
    if argument is None:
        return machine.cpu
    return _HOST_LIKE.get(argument.cpu.mode) or argument.cpu.model or machine.cpu


class _Draft:
    """A definition in the making: a model, what is set on it, what is asked for besides; the later counts."""

    def __init__(self, qemu: Qemu, model: QemuModel) -> None:
        self._qemu = qemu
        self._model = model
        self._on = dict.fromkeys(model.features, Asker.MODEL)
        self._off: dict[str, Asker] = {}
        self._settings = dict(model.settings)
        self._named: dict[str, str] = {}

    def change(self, change: Change, name: str) -> None:
        """Take in what accelerator or machine type sets on a model of this name."""
        is_feature = change.name in self._qemu.features
        if not change.concerns(self._model, name, is_feature=is_feature):
            return
        if is_feature:
            self._turn(change.name, Asker.ACCELERATOR, is_on=change.value == "on")
        elif change.name.startswith(_LEAST):
            self._settings[change.name.removeprefix(_LEAST)] = change.value
        else:
            self._named[change.name] = change.value

    def follow(self, argument: CpuArgument) -> None:
        """Take in what a -cpu option asks for."""
        place = argument.cpu.place
        refused = next((option for option in argument.options if option.known and option.means is None), None)
        if refused is not None:
            raise InputError(
                f"{self._qemu.label} refuses this value and would not start",
                source=place.source,
                line=place.line,
                found=repr(refused.text),
            )
        for request in argument.cpu.requests:
            feature = self._qemu.feature(request.name)
            if feature is not None:
                self._turn(feature.name, Asker.DEFINITION, is_on=request.policy.asks)
            elif request.name in self._qemu.properties:
                self._named[request.name] = "on" if request.policy.asks else "off"
            else:
                raise self._unknown(request.name, place)
        for setting in argument.cpu.settings:
            if setting.name not in self._qemu.properties:
                raise self._unknown(setting.name, place)
            if setting.name.startswith(_LEAST):
                self._settings[setting.name.removeprefix(_LEAST)] = str(setting.value)
            else:
                self._named[setting.name] = setting.text

    def definition(self) -> Definition:
        """Give what has come together."""
        settings = self._settings | self._named
        return Definition(self._model, self._on, self._off, settings, frozenset(self._named))

    def _turn(self, name: str, asker: Asker, *, is_on: bool) -> None:
        self._on.pop(name, None)
        self._off.pop(name, None)
        (self._on if is_on else self._off)[name] = asker

    def _unknown(self, name: str, place: Place) -> InputError:
        return InputError(
            f"{self._qemu.label} has no CPU property of this name and would not start",
            source=place.source,
            line=place.line,
            found=repr(name),
        )
