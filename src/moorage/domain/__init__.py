"""Pure decisions: no await, no IO, no clock; only the standard library and pydantic."""
