"""``python -m twinstage.demo``"""

import sys

from twinstage.cli.entry import loading

with loading():
    from twinstage.demo.play import main

sys.exit(main())
