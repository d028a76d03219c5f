"""`python -m amgan`."""

from amgan.cli import run

run()
