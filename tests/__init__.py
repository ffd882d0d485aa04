"""The tests run without gevent's patches, which stop pytest-xdist; the processes they start get them as ever."""

import os

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
