"""Which model describes a CPU, and why the others lost."""

from __future__ import annotations

import pytest

from cpu_maps import MODELS, feature, make_models, model, written
from vcpuid.errors import InputError
from vcpuid.rules.libvirt.decode import Outcome, Side, decode
from vcpuid.rules.libvirt.models import CpuData, Models

SMALL = make_models()
MIDDLE = "fpu vme de pse"


def data(features: str, vendor: str | None = None, signature: int = 0, models: Models = SMALL) -> CpuData:
    return CpuData(models.bits_of(features.split()), vendor, signature)


def outcomes(features: str, side: Side, vendor: str | None = None, signature: int = 0) -> dict[str, Outcome]:
    decoded = decode(SMALL, data(features, vendor, signature), side)
    return {trial.model: trial.outcome for trial in decoded.trials}


def test_a_host_is_described_by_the_model_that_needs_least_beside_it() -> None:
    decoded = decode(SMALL, data(f"{MIDDLE} sgx", "Intel"), Side.HOST)
    assert written(decoded.cpu) == "middle +sgx"
    assert (decoded.cpu.is_host, decoded.cpu.fallback, decoded.cpu.vendor) == (True, None, "Intel")


def test_models_are_tried_from_the_newest() -> None:
    decoded = decode(SMALL, data(MIDDLE), Side.HOST)
    assert [trial.model for trial in decoded.trials] == ["other", "new", "middle", "old"]


def test_every_models_fate_is_told() -> None:
    assert outcomes(MIDDLE, Side.HOST, "Intel") == {
        "other": Outcome.VENDOR,
        "new": Outcome.LACKS,
        "middle": Outcome.CHOSEN,
        "old": Outcome.SCORE,
    }


def test_the_signature_goes_before_the_score() -> None:
    assert outcomes(MIDDLE, Side.GUEST, "Intel", 0x50654) == {
        "other": Outcome.VENDOR,
        "new": Outcome.CHOSEN,
        "middle": Outcome.SIGNATURE,
        "old": Outcome.SIGNATURE,
    }
    cpu = decode(SMALL, data(MIDDLE, "Intel", 0x50654), Side.GUEST).cpu
    assert written(cpu) == "new -tsc"


@pytest.mark.parametrize(("signature", "matching"), [(0x50654, ["new"]), (0x50653, []), (0x10676, ["middle"])])
def test_trials_tell_whose_signature_it_is(signature: int, matching: list[str]) -> None:
    decoded = decode(SMALL, data(f"{MIDDLE} tsc", "Intel", signature), Side.HOST)
    assert [trial.model for trial in decoded.trials if trial.matches] == matching


def test_a_model_may_be_kept_from_hosts_or_guests() -> None:
    models = make_models(
        models=(*MODELS, model("guests", MIDDLE, sides="guest"), model("hosts", MIDDLE, sides="host"))
    )
    for side, name, outcome in (
        (Side.HOST, "hosts", {"guests": Outcome.NOT_FOR_SIDE}),
        (Side.GUEST, "guests", {"hosts": Outcome.NOT_FOR_SIDE}),
    ):
        decoded = decode(models, data(MIDDLE, "Intel"), side)
        assert decoded.cpu.model == name
        assert outcome.items() <= {trial.model: trial.outcome for trial in decoded.trials}.items()


def test_models_that_the_hypervisor_does_not_know_are_passed_over() -> None:
    decoded = decode(SMALL, data(f"{MIDDLE} tsc", "Intel"), Side.GUEST, allowed={"old": (), "middle": ()})
    assert written(decoded.cpu) == "old +de +pse +tsc"
    assert next(trial for trial in decoded.trials if trial.model == "new").outcome is Outcome.UNKNOWN


def test_what_blocks_a_model_is_disabled_though_the_cpu_has_it() -> None:
    # "sgx" is asked for beside the model: it blocks nothing. "nothing" is in no map.
    allowed = {"new": ("tsc", "sgx", "nothing")}
    cpu = decode(SMALL, data(f"{MIDDLE} tsc sgx", "Intel"), Side.GUEST, allowed=allowed).cpu
    assert written(cpu) == "new +sgx -tsc"


def test_a_single_preferred_model_wins_outright() -> None:
    decoded = decode(SMALL, data(f"{MIDDLE} tsc", "Intel"), Side.GUEST, preferred=("old",))
    assert written(decoded.cpu) == "old +de +pse +tsc"


def test_of_many_disabled_features_about_half_are_penalised() -> None:
    # The oddity: 4 disabled features cost 2 + 3 and two ordinary ones, not 2 + 3 + 4 + 5.
    features = tuple(feature(f"f{bit}", f"1.0.edx.{bit}") for bit in range(8))
    models = make_models(features, (model("all", " ".join(one.name for one in features)),))
    trial = decode(models, data("f0 f1 f2 f3", models=models), Side.GUEST).trials[0]
    assert (trial.score, trial.penalty) == (7, 5)
    assert decode(models, data("f0", models=models), Side.GUEST).trials[0].penalty == 2 + 3 + 4 + 5


def test_of_equal_scores_the_one_with_less_penalty_wins() -> None:
    # "new" lacks tsc, and "middle" has to say -msr, which it has removed: each costs 2, as two features
    # beside "old" do.
    decoded = decode(SMALL, data(MIDDLE, "Intel"), Side.GUEST)
    assert written(decoded.cpu) == "old +de +pse"
    weighed = [(trial.model, trial.score, trial.penalty) for trial in decoded.trials if trial.score is not None]
    assert weighed == [("new", 2, 2), ("middle", 2, 2), ("old", 2, 0)]


@pytest.mark.parametrize(
    ("model_number", "stepping", "has_tsx"),
    [(60, 3, False), (69, 1, False), (70, 1, False), (63, 2, False), (63, 4, True), (61, 4, True)],
)
def test_tsx_that_microcode_took_is_not_described(model_number: int, stepping: int, *, has_tsx: bool) -> None:
    features = (feature("fpu", "1.0.edx.0"), feature("hle", "7.0.ebx.4"), feature("rtm", "7.0.ebx.11"))
    models = make_models(features, (model("base", "fpu"),))
    signature = (model_number & 0xF0) << 12 | 6 << 8 | (model_number & 0xF) << 4 | stepping
    cpu = decode(models, data("fpu hle rtm", "Intel", signature, models), Side.HOST).cpu
    assert written(cpu) == ("base +hle +rtm" if has_tsx else "base")
    assert (
        written(decode(models, data("fpu hle rtm", "AMD", signature, models), Side.HOST).cpu) == "base +hle +rtm"
    )


def test_what_cannot_migrate_is_left_out_on_demand() -> None:
    some = data(f"{MIDDLE} tsc invtsc", "Intel")
    assert written(decode(SMALL, some, Side.GUEST).cpu) == "new +invtsc"
    assert written(decode(SMALL, some, Side.GUEST, migratable=True).cpu) == "new"


def test_a_cpu_that_no_model_fits_is_refused() -> None:
    with pytest.raises(InputError, match="no model of the map") as caught:
        decode(SMALL, data("fpu", "Intel"), Side.HOST)
    assert caught.value.found == "vendor Intel"
