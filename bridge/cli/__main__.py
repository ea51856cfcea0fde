"""``python -m bridge.cli``: the same as ``mjbridge``, and how `mjbridge up` starts its children."""

from bridge.cli import main

main()
