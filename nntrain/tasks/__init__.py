"""What the network must output, how it is scored, read and judged."""
