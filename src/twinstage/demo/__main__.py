"""``python -m twinstage.demo``"""

import sys

from twinstage.demo.play import main

sys.exit(main())
