"""Pictures of models: SVG, one-file HTML and text, without external programs."""
