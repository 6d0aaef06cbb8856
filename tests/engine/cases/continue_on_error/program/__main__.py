import os

import pulumi
from pulumi import ResourceOptions as Opts

from boxcloud import *

STEP = int(os.environ.get("STEP", "1"))

a = Thing("a", value="1")
b = Thing("b", value="1", uses=a.serial, zone="eu" if STEP < 3 else "us")
c = Thing("c", value="1", nested={"known": 1}, opts=Opts(depends_on=[b]))
d = Thing("d", value="1", nested=[1, b.serial], uses=b.serial)
if STEP < 3:
    Thing("kept", uses=b.serial, opts=Opts(protect=True))
pulumi.export("all", [a.serial, b.serial, d.serial])
