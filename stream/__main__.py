"""`python -m stream`: the same as the `presetwatch` command, for when its script is not on the path."""

from stream.cli import main

main()
