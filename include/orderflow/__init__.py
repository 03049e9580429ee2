"""Orderflow pulls orders from sales channels and hands every one of them to an order management system."""

__version__ = "0.1.0"
