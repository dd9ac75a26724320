"""How long every list takes at the server when there is very much: `python -m bench.lists --help`."""
