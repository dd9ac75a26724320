"""The use cases, one module per noun, and the ports they need (ports.py)."""
