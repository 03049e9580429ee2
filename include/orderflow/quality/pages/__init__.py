"""Pages that stand alone: one HTML file each, nothing from the internet, fit for paper."""
