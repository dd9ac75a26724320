#!/bin/sh
# Prints the path of a Python that is new enough, or says in one line that there is none.
for name in python3 python3.11 python3.12 python3.13 python3.14 python3.15; do
    "$name" -c 'import sys; sys.version_info < (3, 11) or print(sys.executable)' 2>/dev/null |
        grep . && exit 0
done
echo "Moorage needs Python 3.11 or newer; found $(python3 --version 2>/dev/null || echo none)." >&2
exit 1
