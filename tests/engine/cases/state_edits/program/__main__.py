import os

import pulumi
from pulumi import ResourceOptions as Opts

import crate
from boxcloud import *

STEP = int(os.environ.get('STEP', '1'))

home = pulumi.ComponentResource("box:index:Home", "home")
a = Thing("a", value="1", opts=Opts(parent=home))
b = Thing("b", value=a.serial)
c = Thing("c", value="3", opts=Opts(depends_on=[b]))
d = Thing("d", value="4", opts=Opts(deleted_with=a))
kept = Thing("kept", value="5", opts=Opts(protect=True))
free = Thing("free", value="6")
p = crate.Provider("p", region="north")
made = crate.Crate("made", value="7", opts=Opts(provider=p))
pulumi.export("b", b.serial)
