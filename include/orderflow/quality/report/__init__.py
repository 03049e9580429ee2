"""The data-quality report: what became of the orders of some days, as pages that need nothing but a browser."""
