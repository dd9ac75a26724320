"""Servers in processes of their own, as in tests/process."""

from tests.process.conftest import bytecode, launch

__all__ = ["bytecode", "launch"]
