"""Moorage whose bearer tokens last a minute, the shortest that clients believe: `python short_tokens.py serve …`."""

import sys

from moorage.auth import tokens

tokens.LIFETIME = 60

if __name__ == "__main__":
    from moorage.cli import main

    sys.argv[0] = "moorage"
    main()
