"""`python -m mindgan` is `mindgan`."""

import sys

from mindgan.cli.main import main

sys.exit(main())
