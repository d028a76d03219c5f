"""How well aged faces turn out: what judges from outside read, and what changed in the pixels."""
