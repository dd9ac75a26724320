"""The distribution API: what container clients speak."""
