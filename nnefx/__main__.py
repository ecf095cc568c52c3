"""`python -m nnefx`."""

from nnefx.cli import main

main()
