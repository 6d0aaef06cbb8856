"""A small hand-written SDK for the plugin in plugins/pulumi-resource-crate."""

import pulumi

VERSION = "1.4.2"
COMPUTED = ("serial", "rev", "token", "region", "volume")


def _opts(opts, version):
    return pulumi.ResourceOptions.merge(pulumi.ResourceOptions(version=version or None), opts)


class Crate(pulumi.CustomResource):
    """`zone` replaces, `slot` replaces with delete first. `volume` is twice `size`, known in previews."""

    def __init__(self, name, opts=None, label=None, version=VERSION, package="crate", **props):
        props = {"label": label or name, **dict.fromkeys(COMPUTED), **props}
        super().__init__("%s:index:Crate" % package, name, props, _opts(opts, version))


class Provider(pulumi.ProviderResource):
    def __init__(self, name, opts=None, version=VERSION, **props):
        super().__init__("crate", name, props, _opts(opts, version))


def _iopts(cls, more):
    return cls(version=VERSION, **more)


def get_crate(id=None, **more):
    """At once: the result is a plain dict."""
    return pulumi.runtime.invoke("crate:index:getCrate", {"id": id}, _iopts(pulumi.InvokeOptions, more)).value


def get_crate_output(id=None, **more):
    """Takes outputs, gives an output."""
    return pulumi.runtime.invoke_output(
        "crate:index:getCrate", {"id": id}, _iopts(pulumi.InvokeOutputOptions, more)
    )
