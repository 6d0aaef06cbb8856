import os

import pulumi
from pulumi import ResourceOptions as Opts

from boxcloud import *

STEP = int(os.environ.get("STEP", "1"))

box = Thing("box", slot="x" if STEP < 2 else "y")
if STEP < 2:
    Thing("content", opts=Opts(deleted_with=box))
