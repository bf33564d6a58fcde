"""``python -m abaca`` is the ``abaca`` command."""

from abaca.cli import main

if __name__ == "__main__":
    main()
