"""Zero-cost proxies: what a network at initialisation tells of its accuracy."""
