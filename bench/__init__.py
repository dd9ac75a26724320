"""The speed of this server beside its peers: the same work, the same client, in one run. `python -m bench --help`."""
