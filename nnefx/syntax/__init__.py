"""The text of NNEF: tree, parser, printer."""
