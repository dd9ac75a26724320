"""Who asks: passwords, bearer tokens, and what stands in the Authorization and WWW-Authenticate headers."""
