class Group(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("box:index:Group", name, {"size": 2}, opts)
        self.first = Thing(name + "-first", value=name, opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({"serial": self.first.serial})


config = pulumi.Config()
group = Group("g")
a = Thing(
    "a", password=config.require_secret("password"), count=7, ratio=1.5, on=True, nested={"list": [1, "two"]}
)
b = Thing("b", uses=a.serial, structure=config.require_object("structure"))
kept = Thing(
    "kept",
    value="k",
    opts=pulumi.ResourceOptions(
        protect=True,
        depends_on=[group],
        ignore_changes=["value"],
        additional_secret_outputs=["token"],
        custom_timeouts=pulumi.CustomTimeouts(create="5m"),
        retain_on_delete=True,
    ),
)
pulumi.export("serial", group.first.serial)
pulumi.export("password", a.password)
