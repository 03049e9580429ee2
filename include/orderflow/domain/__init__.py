"""The pure heart: windows, orders, money, batches, ports and errors. No input, no output, no clock."""
