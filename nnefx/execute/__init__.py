"""Executors: a model and inputs to outputs."""
