"""The distribution that a mixture is: what follows from its parameters alone."""
