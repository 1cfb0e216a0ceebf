"""libvirt's CPU map and what follows from it."""
