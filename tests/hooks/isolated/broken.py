"""Plugin that ends its process while it is loaded."""

import os

os._exit(7)
