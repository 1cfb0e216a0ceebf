"""Linting domain XML, one subject a module; the rules stand in `tables/domain_rules.toml`."""

from vcpuid.rules.libvirt.domain.linter import lint_domain

__all__ = ["lint_domain"]
