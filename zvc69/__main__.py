"""`python -m zvc69` is the command `zvc69`."""
from .cli import main

main()
