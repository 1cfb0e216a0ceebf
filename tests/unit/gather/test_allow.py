"""The allow-lists of the kernel's command line and of Nova's configuration."""

from __future__ import annotations

import pytest

from vcpuid.gather.allow import LEFT_OUT, filter_kernel_command_line, filter_nova_value, filter_qcnl


def test_cpu_switches_of_the_kernel_stay() -> None:
    line = (
        "BOOT_IMAGE=/vmlinuz root=UUID=1 clearcpuid=sgx,514 nosgx kvm_intel.nested=1 kvm-amd.sev=1 tsx=off quiet\n"
    )
    assert filter_kernel_command_line(line) == [
        "clearcpuid=sgx,514",
        "nosgx",
        "kvm_intel.nested=1",
        "kvm-amd.sev=1",
        "tsx=off",
    ]


def test_what_follows_two_dashes_is_inits() -> None:
    assert filter_kernel_command_line("nosgx -- nosmap") == ["nosgx"]


@pytest.mark.parametrize("value", ["/etc/key", "a=b", "user@host", "x" * 200, '"a'])
def test_values_that_look_like_no_flag_take_their_parameter_along(value: str) -> None:
    assert filter_kernel_command_line(f"mitigations={value}") == []


@pytest.mark.parametrize(
    ("section", "key", "value", "kept"),
    [
        ("libvirt", "cpu_mode", "custom", "custom"),
        ("libvirt", "cpu_models", "Haswell, Broadwell", "Haswell, Broadwell"),
        ("libvirt", "cpu_model_extra_flags", "+sgx,-pcid", "+sgx,-pcid"),
        ("libvirt", "cpu_models", "$models", "$models"),
        ("libvirt", "hw_machine_type", "x86_64=q35", "x86_64=q35"),
        ("libvirt", "cpu_mode", "custom # once: hunter2", f"custom # {LEFT_OUT}"),
        ("libvirt", "cpu_models", "Haswell\npassword = hunter2", f"Haswell\n{LEFT_OUT}"),
        ("libvirt", "cpu_models", "mysql://nova:hunter2@db", LEFT_OUT),
        ("workarounds", "skip_cpu_compare_on_dest", "true", "true"),
        ("libvirt", "connection_uri", "qemu+tls://host", None),
        ("database", "cpu_mode", "custom", None),
        ("database", "connection", "mysql://", None),
    ],
)
def test_values_of_nova(section: str, key: str, value: str, kept: str | None) -> None:
    assert filter_nova_value(section, key, value) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            """{
  // "pccs_url": "https://old/"
  "pccs_url": "https://localhost:8081/sgx/certification/v4/",
  "use_secure_cert": false // for a certificate of its own
  ,"retry_times": 6
}""",
            {
                "pccs_url": "https://localhost:8081/sgx/certification/v4/",
                "use_secure_cert": "false",
                "retry_times": "6",
            },
        ),
        (
            '{"use_secure_cert": true, "pccs_url": "http://p/", "custom_request_options": {"token": "hunter2"}}',
            {"use_secure_cert": "true", "pccs_url": "http://p/"},
        ),
        (
            "# PCCS_URL=https://old/\nPCCS_URL=https://pccs.example:8081/sgx/\nUSE_SECURE_CERT=FALSE\nTOKEN=hunter2",
            {"pccs_url": "https://pccs.example:8081/sgx/", "use_secure_cert": "FALSE"},
        ),
        ('"pccs_url": "https://user:hunter2@p/v4/?key=hunter2#x"', {"pccs_url": "https://p/v4/"}),
        ('"pccs_url": "https://[::1]:8081/v4/"', {"pccs_url": "https://[::1]:8081/v4/"}),
        ('"pccs_url": "https://p:x/"', {"pccs_url": "<left out>"}),
        ('"pccs_url": "file:///etc/hunter2"', {"pccs_url": "<left out>"}),
        ('"use_secure_cert": "hunter2-and-much-more"', {"use_secure_cert": "<left out>"}),
        ("no settings at all", {}),
    ],
)
def test_where_quotes_get_their_certificates(text: str, kept: dict[str, str]) -> None:
    assert filter_qcnl(text) == kept
