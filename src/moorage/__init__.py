"""Moorage: many private Docker/OCI registries on one server."""

__version__ = "0.1.0"
