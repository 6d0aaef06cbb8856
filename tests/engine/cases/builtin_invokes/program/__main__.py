import os

import pulumi
from google.protobuf.struct_pb2 import ListValue, Struct
from pulumi.runtime.proto import resource_pb2

from boxcloud import *

STEP = int(os.environ.get('STEP', '1'))
OWN = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
BASE = "organization/box/base"
RESOURCES = ("pulumi:pulumi:readStackResourceOutputs", "stackName")
OUTPUTS = ("pulumi:pulumi:readStackOutputs", "name")
SIGNATURE = "4dabf18193072939515e22adb298388d"


def boxes(outputs):
    """The things among the resources; what else there is, only where nothing is being made meanwhile."""
    found = {}
    for urn, each in outputs.items():
        if each["type"].endswith(":Thing") and not urn.endswith("::seen"):
            found[urn] = {**each, "outputs": {k: v for k, v in each["outputs"].items() if k != "__provider"}}
    if pulumi.runtime.is_dry_run():
        found["others"] = sorted(each["type"] for each in outputs.values() if not each["type"].endswith(":Thing"))
    return found


def marks(value, path=""):
    """Where the engine's own response says that something is secret."""
    if isinstance(value, Struct):
        if SIGNATURE in value:
            return [path]
        return sorted(mark for key in value for mark in marks(value[key], f"{path}/{key}"))
    if isinstance(value, ListValue):
        return [mark for index, item in enumerate(value) for mark in marks(item, f"{path}/{index}")]
    return []


def ask(function, stack):
    token, key = function
    try:
        result = pulumi.runtime.invoke(token, {key: stack})
    except Exception as error:
        return str(error)
    request = resource_pb2.ResourceInvokeRequest(tok=token, args={key: stack}, acceptResources=True)
    response = getattr(pulumi.runtime.settings.get_monitor().Invoke(request), "return")
    value = dict(result.value)
    if function is RESOURCES:
        value["outputs"] = boxes(value["outputs"])
    secret = [mark for mark in marks(response) if "::seen/" not in mark]
    return {"value": value, "is_secret": result.is_secret, "marks": secret}


if pulumi.get_stack() != "dev":
    t = Thing("t", value=pulumi.Output.secret("shh"))
    pulumi.export("serial", t.serial)
    pulumi.export("secret", pulumi.Output.secret("shh"))
    pulumi.export("map", {"a": [1, 2, pulumi.Output.secret("shh")]})
    pulumi.export("none", None)
elif STEP == 7:
    pulumi.runtime.invoke(RESOURCES[0], {"stackName": "organization/box/nowhere"})
else:
    before = {"resources": ask(RESOURCES, OWN), "outputs": ask(OUTPUTS, OWN)} if STEP else {}
    if STEP == 6:
        names = ("organization/box/nowhere", "nowhere", "acme/box/dev", "organization/b/o/x", "organization/box/d?v")
        before = {name: [ask(RESOURCES, name), ask(OUTPUTS, name)] for name in names}
    if STEP == 8:
        before = {name: [ask(RESOURCES, name), ask(OUTPUTS, name)] for name in (BASE, "base", "organization/locked")}
    if STEP == 9:
        before = [ask(RESOURCES, BASE), ask(OUTPUTS, BASE)]
    a = last = Thing(
        "a",
        value="1" if STEP < 2 else "2",
        zone="eu" if STEP < 3 else "us",
        password=pulumi.Output.secret("hunter2"),
        nested={"list": ["x", pulumi.Output.secret("y")], "open": 1},
    )
    if STEP < 5:
        last = Thing("b", value=a.serial)
    if STEP:
        after = pulumi.runtime.invoke_output(RESOURCES[0], {"stackName": last.serial.apply(lambda _: OWN)})
        Thing("seen", before=before, after=after.apply(lambda result: boxes(result["outputs"])))
    pulumi.export("serial", a.serial)
    pulumi.export("password", a.password)
