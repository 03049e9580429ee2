"""An adapter that a developer broke."""

raise RuntimeError("half written")
