"""`python -m amgan`."""

from amgan.cli import main

main(prog_name="amgan")
