"""The web interface: pages rendered on the server, and a small script that only improves them."""
