"""A board on the network that several programs can reach: whose it is, and what is left on it."""
