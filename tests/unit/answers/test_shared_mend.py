"""One remedy for many features."""

from __future__ import annotations

import pytest

from vcpuid.answers.shared_mend import shared_mend


@pytest.mark.parametrize(
    ("mends", "shared"),
    [
        ([("sgx", "Enable it.")], "Enable it."),
        ([("sgx", "Enable it."), ("vmx", "Enable it.")], "Enable it."),
        ([("sgx", ""), ("vmx", "")], ""),
        ([("sgx", "No sgx here."), ("vmx", "No vmx here.")], "No sgx and 1 more here."),
        (
            [("a", "a: leave a out."), ("b", "b: leave b out."), ("c", "c: leave c out.")],
            "a and 2 more: leave a and 2 more out.",
        ),
        ([("sgx", "No sgx here."), ("vmx", "No vmx there.")], ""),
        ([("sgx", "Try `why sgx`."), ("vmx", "Try `why vmx`.")], ""),
        ([("sgx", "Write <feature name='sgx'/>."), ("vmx", "Write <feature name='vmx'/>.")], ""),
        ([("tm", "tm, not tm2 or x-tm."), ("ds", "ds, not tm2 or x-tm.")], "tm and 1 more, not tm2 or x-tm."),
    ],
)
def test_a_remedy_is_shared_where_it_differs_by_names_alone(mends: list[tuple[str, str]], shared: str) -> None:
    assert shared_mend(mends) == shared
