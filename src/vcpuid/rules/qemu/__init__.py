"""QEMU's features, models and machine types by version, and what follows from them for a guest."""

from vcpuid.rules.qemu.knowledge import Qemu, known_versions, load_qemu, model_since
from vcpuid.rules.qemu.predict import predict
from vcpuid.rules.qemu.prediction import Fate, Prediction, Reason

__all__ = ["Fate", "Prediction", "Qemu", "Reason", "known_versions", "load_qemu", "model_since", "predict"]
