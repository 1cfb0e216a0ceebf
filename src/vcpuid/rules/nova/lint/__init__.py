"""The linter of nova.conf: what will happen with its CPU options, and when."""

from vcpuid.rules.nova.lint.linter import lint_conf
from vcpuid.rules.nova.lint.subject import Subject, read_subject, rule

__all__ = ["Subject", "lint_conf", "read_subject", "rule"]
