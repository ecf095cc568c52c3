"""Random mutations of valid models, to find what the validator does not survive."""
