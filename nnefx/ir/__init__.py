"""The intermediate representation: a typed graph and the one door into it."""
