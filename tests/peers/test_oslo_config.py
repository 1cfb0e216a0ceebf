"""nova.conf's values against the real oslo.config, in the environment of Nova's newest release."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nova_peer import Json, RealNova
from vcpuid.guest.nova import Settings, UnseenValueError, ValueRefusedError, load_options, parse_ini

LISTS = ("cpu_models", "cpu_model_extra_flags")
WORDS = st.sampled_from(
    (
        *(
            "custom",
            "none",
            "host-model",
            "kvm",
            "qemu",
            "Nehalem",
            "+vmx",
            "-vmx",
            "true",
            "Off",
            "1",
            "",
            " ",
            ",",
        ),
        *(
            ", ",
            "'",
            '"',
            "\\$",
            "$$",
            "$",
            "${",
            "}",
            "$cpu_mode",
            "${cpu_mode}",
            "$virt_type",
            "$nothing",
            "$a.b",
        ),
        *("$cpu_model_extra_flags", "$cpu_models", "${libvirt.virt_type}", "${libvirt.images_type}", "$libvirt"),
        *("${workarounds.skip_cpu_compare_on_dest}", "$CPU_MODE", "\n ", "\n\t", "\n\n", "\n# x\n", " # y"),
        *("\r\n", "\u2028", "\x0b", "\u00e9"),
    )
)
VALUES = st.lists(WORDS, max_size=4).map("".join)
KEYS = st.sampled_from(
    (
        *("cpu_mode", "cpu_mode", "cpu_models", "cpu_model", "cpu_model_extra_flags", "virt_type", "CPU_MODE"),
        *("cpu-mode", "", "skip_cpu_compare_at_startup", "skip_cpu_compare_on_dest", "images_type"),
    )
)
LINES = st.one_of(
    st.builds("{}{}{}".format, KEYS, st.sampled_from(["=", " = ", ": ", ":", " "]), VALUES),
    st.sampled_from(["[libvirt]", "[libvirt]", "[LIBVIRT]", "[ libvirt ]", "[workarounds]", "[DEFAULT]", "# c",
    "; c", ""]), st.sampled_from(["[", "[]", "]", "[libvirt] # x", "  more", "\tmore", "text", "[libvirt]]",
    "[[libvirt]"]),
)  # fmt: skip
FILES = st.lists(
    st.lists(LINES, max_size=8).map(lambda lines: "\n".join(["[libvirt]", *lines, ""])), min_size=1, max_size=2
)


def ours(files: list[str]) -> Json | None:
    """What we read, in the worker's form; None for files that we say cannot be read."""
    read = [parse_ini(text, f"{number}.conf") for number, text in enumerate(files)]
    if any(file.fault for file in read):
        return None
    values = Settings([entry for file in read for entry in file.entries])
    names = [("libvirt", name) for name in ("virt_type", "cpu_mode", *LISTS)]
    names += [("workarounds", f"skip_cpu_compare_{when}") for when in ("at_startup", "on_dest")]
    return {f"{section}.{name}": _value(values, section, name) for section, name in names}


def _value(values: Settings, section: str, name: str) -> Any:  # noqa: ANN401 - JSON
    kind = load_options()[section, name].kind
    try:
        if kind == "list":
            return [item.text for item in values.items(section, name)]
        return values.flag(section, name) if kind == "flag" else values.text(section, name)
    except ValueRefusedError as error:
        return {"words": error.words}
    except UnseenValueError:
        return "unseen"


def _is_same(mine: Any, real: Any) -> bool:  # noqa: ANN401 - JSON
    if mine == "unseen":
        return True
    if not isinstance(mine, dict):
        return bool(mine == real)
    if not isinstance(real, dict):
        return False
    return mine["words"] == "recursion" or str(real["words"]).endswith(mine["words"])


@example(['[libvirt]\ncpu_mode = "custom"\n'])
@example(["[libvirt]\ncpu_model_extra_flags = 'a', 'b'\n"])
@example(["[libvirt]\ncpu_models = a\n", "[libvirt]\ncpu_model = b\n"])
@example(["[libvirt]\ncpu_model_extra_flags = $cpu_models\ncpu_models = a,\n b\n"])
@given(FILES)
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_values_are_those_of_oslo_config(nova: RealNova, files: list[str]) -> None:
    mine = ours(files)
    real = nova.ask({"read": files})
    if mine is None:
        assert "configured" in real
        return
    assert "configured" not in real
    assert {key: (value, real[key]) for key, value in mine.items() if not _is_same(value, real[key])} == {}
