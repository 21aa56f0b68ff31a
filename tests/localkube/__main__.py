"""``python tests/localkube VERB``: the commands of the local Kubernetes (see ``commands``)."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # modules are imported as localkube.NAME

from localkube.commands import main

if __name__ == "__main__":
    sys.exit(main())
