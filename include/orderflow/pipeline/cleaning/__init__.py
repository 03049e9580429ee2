"""The parts of clean: read, type, repair, find duplicates, write documents."""
