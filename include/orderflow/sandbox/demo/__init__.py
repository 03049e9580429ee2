"""The demo: everything on one machine, three channels, and the proof at the end."""
