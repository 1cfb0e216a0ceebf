"""The explorer's server: what stands between a browser and the answers."""
