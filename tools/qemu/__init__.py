"""Measuring a QEMU binary: what it is asked, and the tables that its answers become."""
