"""``python -m threadline``: the command line under the interpreter's own name for it."""

from threadline.cli import main

main()
