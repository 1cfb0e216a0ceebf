"""Registers read into typed facts, one file a subject.

Each decoder takes a `Cpu` and gives a plain value, or None where the CPU has no such thing or the dump does not
tell. Every one of them takes any registers whatever: all-ones and all-zero rows decode too.
"""
