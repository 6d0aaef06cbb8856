import os

import pulumi
from pulumi import ResourceOptions as Opts

from boxcloud import *

STEP = int(os.environ.get("STEP", "1"))

if STEP:
    a = Thing("a", value="1", opts=Opts(additional_secret_outputs=["serial"] if STEP > 1 else None))
    b = Thing("b", uses=a.serial, opts=Opts(protect=STEP > 1))
    pulumi.export("serial", a.serial)
