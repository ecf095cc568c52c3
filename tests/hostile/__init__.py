"""Makers of broken and hostile files, each with the code of the diagnostic that it deserves."""
