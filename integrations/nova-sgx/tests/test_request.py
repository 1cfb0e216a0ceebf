"""What extra specs ask for."""

from __future__ import annotations

import pytest

from nova_sgx.request import FEATURES, EpcRequest, RequestError, read_request

EPC = "resources:CUSTOM_SGX_EPC_MB"


@pytest.mark.parametrize(
    ("extra_specs", "request_"),
    [
        ({}, None),
        ({EPC: "0"}, None),
        ({"resources:CUSTOM_SGX_EPC_MB_OF_OTHERS": "64", "resources:VCPU": "2", "hw:numa_nodes": "2"}, None),
        ({EPC: "64"}, EpcRequest(64)),
        ({"resources_epc-1:CUSTOM_SGX_EPC_MB": "2"}, EpcRequest(2)),
        ({EPC: "64", "resources1:CUSTOM_SGX_EPC_MB": "0"}, EpcRequest(64)),
        ({EPC: "64", "sgx:features": "debug"}, EpcRequest(64, ("sgx-debug",))),
        ({EPC: "64", "sgx:features": "sgx2,debug,sgx2"}, EpcRequest(64, ("sgx2", "sgx-debug"))),
        ({EPC: "64", "sgx:features": ",".join(FEATURES)}, EpcRequest(64, tuple(FEATURES.values()))),
    ],
)
def test_what_is_asked_for(extra_specs: dict[str, str], request_: EpcRequest | None) -> None:
    assert read_request(extra_specs) == request_


@pytest.mark.parametrize(
    ("extra_specs", "words"),
    [
        ({EPC: "64MB"}, "resources:CUSTOM_SGX_EPC_MB='64MB': expected a whole number of MiB"),
        ({EPC: ""}, "expected a whole number of MiB"),
        ({EPC: "1.5"}, "expected a whole number of MiB"),
        ({EPC: "-2"}, "expected a number of MiB above zero"),
        ({EPC: "63"}, "expected a multiple of 2 MiB"),
        ({EPC: "64", "resources1:CUSTOM_SGX_EPC_MB": "64"}, "EPC is asked for more than once"),
        ({EPC: "64", "resources1:CUSTOM_SGX_EPC_MB": "x"}, "resources1:CUSTOM_SGX_EPC_MB='x'"),
        (
            {EPC: "64", "sgx:features": ""},
            "sgx:features='': expected names with commas between, of aex-notify, debug",
        ),
        ({EPC: "64", "sgx:features": "debug, kss"}, "expected names with commas between"),
        ({EPC: "64", "sgx:features": "DEBUG"}, "expected names with commas between"),
        ({EPC: "64", "sgx:features": "debug\n"}, "expected names with commas between"),
        ({EPC: "64", "sgx:feature": "debug"}, "sgx:feature is unknown; expected sgx:features"),
        ({"sgx:features": "debug"}, "sgx:features without EPC memory"),
        ({EPC: "0", "sgx:features": "debug"}, "sgx:features without EPC memory"),
    ],
)
def test_what_cannot_be_meant_is_refused(extra_specs: dict[str, str], words: str) -> None:
    with pytest.raises(RequestError) as raised:
        read_request(extra_specs)
    assert words in str(raised.value)
