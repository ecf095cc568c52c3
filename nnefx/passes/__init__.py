"""Passes: functions from graph to graph that keep its meaning."""
