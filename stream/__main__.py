"""`python -m stream`: the same as the `presetwatch` command, for when its script is not on the path."""

from stream.cli import main

if __name__ == "__main__":
    main()
