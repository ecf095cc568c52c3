"""The language server: what editors ask about NNEF texts, answered over the protocol LSP."""
