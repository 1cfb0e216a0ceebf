"""OpenStack Nova's reasoning about guests' CPUs: what it asks libvirt for, refuses, reports."""
