"""Dynamic providers over a JSON file that plays the cloud.

Environment:
  CASE_CLOUD   path of the JSON file: {"objects", "counters", "faults"}
  CASE_CALLS   path of a JSON-lines file that gets one line per begin/end of a provider method

Faults are keyed "<method>:<label>" and are objects with any of
  raise  text of the exception to throw before anything is changed
  after  text of the exception to throw after the change was made
  sleep  seconds to wait first
  hang   true: wait until the fault is taken out of the file (30 s at most)
"""

import contextlib
import fcntl
import json
import os
import threading
import time

from pulumi import dynamic
from pulumi.output import Unknown

_THREADS = threading.Lock()
_COMPUTED = ("serial", "rev", "token")
_HIDDEN = "__provider"


def _plain(value):
    if isinstance(value, Unknown):
        return "<unknown>"
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in sorted(value.items()) if k != _HIDDEN}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and value == int(value):
        return int(value)
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return "<%s>" % type(value).__name__


@contextlib.contextmanager
def _locked():
    """Only one call at a time changes the cloud: each provider resource of a stack has a process of its own."""
    with _THREADS, open(os.environ["CASE_CLOUD"] + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _load():
    with open(os.environ["CASE_CLOUD"], encoding="utf-8") as f:
        return json.load(f)


def _store(cloud):
    path = os.environ["CASE_CLOUD"]
    with open(path + ".new", "w", encoding="utf-8") as f:
        json.dump(cloud, f, indent=1, sort_keys=True)
    os.replace(path + ".new", path)


def _log(**line):
    with _locked(), open(os.environ["CASE_CALLS"], "a", encoding="utf-8") as f:
        f.write(json.dumps(line, sort_keys=True) + "\n")


class _Call:
    """Logs begin and end of one provider call and plays its fault."""

    def __init__(self, method, label, **args):
        self.method, self.label, self.args = method, label, args

    def _fault(self):
        with _locked():
            return _load().get("faults", {}).get("%s:%s" % (self.method, self.label), {})

    def __enter__(self):
        _log(at="begin", call=self.method, label=self.label, args=_plain(self.args))
        fault = self._fault()
        if fault.get("sleep"):
            time.sleep(fault["sleep"])
        stop = time.time() + 30
        while self._fault().get("hang") and time.time() < stop:
            time.sleep(0.05)
        if fault.get("raise"):
            raise Exception(fault["raise"])
        self.after = fault.get("after")
        return self

    def __exit__(self, kind, exc, tb):
        _log(at="end", call=self.method, label=self.label, failed=kind is not None)
        if kind is None and self.after:
            raise Exception(self.after)
        return False


def _label(*maps):
    for m in maps:
        if isinstance(m, dict) and isinstance(m.get("label"), str):
            return m["label"]
    return "?"


class ThingProvider(dynamic.ResourceProvider):
    """Full provider. `zone` replaces, `slot` replaces with delete first."""

    serialize_as_secret_always = False

    def configure(self, req):
        with _Call("configure", "*", region=req.config.get("region")):
            if req.config.get("refuse"):
                raise Exception("configure refused: " + req.config.get("refuse"))

    def check(self, olds, news):
        label = _label(news, olds)
        with _Call("check", label, olds=olds, news=news):
            failures = [dynamic.CheckFailure(p, why) for p, why in news.get("bad", [])]
            checked = dict(news)
            if isinstance(checked.get("domain"), str):
                checked["domain"] = checked["domain"].lower()
            return dynamic.CheckResult(checked, failures)

    def diff(self, id_, olds, news):
        with _Call("diff", _label(news, olds), id=id_, olds=olds, news=news):
            replaces = [k for k in ("zone", "slot") if _plain(olds.get(k)) != _plain(news.get(k))]
            mode = news.get("diffMode")
            return dynamic.DiffResult(
                changes={"yes": True, "no": False}.get(mode),
                replaces=replaces,
                delete_before_replace=True if "slot" in replaces else None,
            )

    def create(self, props):
        label = _label(props)
        with _Call("create", label, props=props):
            with _locked():
                cloud = _load()
                number = cloud.setdefault("counters", {}).get(label, 0) + 1
                cloud["counters"][label] = number
                id_ = "%s-%d" % (label, number)
                outs = {**props, "serial": id_, "rev": 0, "token": "tok-" + id_}
                cloud.setdefault("objects", {})[id_] = _plain(outs)
                _store(cloud)
            return dynamic.CreateResult(id_, outs)

    def read(self, id_, props):
        label = _label(props)
        with _Call("read", label, id=id_, props=props):
            with _locked():
                live = _load().get("objects", {}).get(id_)
            if live is None:
                return dynamic.ReadResult("", {})
            inputs = {k: v for k, v in live.items() if k not in _COMPUTED}
            return dynamic.ReadResult(id_, dict(live), None if live.get("readMode") == "quiet" else inputs)

    def update(self, id_, olds, news):
        with _Call("update", _label(news, olds), id=id_, olds=olds, news=news):
            with _locked():
                cloud = _load()
                if id_ not in cloud["objects"]:
                    raise Exception("no object " + id_)
                keep = cloud["objects"][id_]
                outs = {**news, "serial": keep["serial"], "rev": int(keep["rev"]) + 1, "token": keep["token"]}
                cloud["objects"][id_] = _plain(outs)
                _store(cloud)
            return dynamic.UpdateResult(outs)

    def delete(self, id_, props):
        with _Call("delete", _label(props), id=id_, props=props):
            with _locked():
                cloud = _load()
                cloud["objects"].pop(id_, None)
                _store(cloud)


class OtherProvider(ThingProvider):
    """The same under another name: another class path in state."""


class BareProvider(dynamic.ResourceProvider):
    """Only create and delete: every other method is the SDK's default."""

    serialize_as_secret_always = False

    def create(self, props):
        return ThingProvider.create(self, props)

    def delete(self, id_, props):
        return ThingProvider.delete(self, id_, props)


class SecretProvider(ThingProvider):
    """Keeps the SDK's default of wrapping the pickled provider as a secret."""

    serialize_as_secret_always = True


def _props(name, label, props):
    return {"label": label or name, "serial": None, "rev": None, "token": None, **props}


class Thing(dynamic.Resource, module="box", name="Thing"):
    def __init__(self, name, opts=None, label=None, **props):
        super().__init__(ThingProvider(), name, _props(name, label, props), opts)


class Other(dynamic.Resource, module="box", name="Other"):
    def __init__(self, name, opts=None, label=None, **props):
        super().__init__(OtherProvider(), name, _props(name, label, props), opts)


class Bare(dynamic.Resource, module="box", name="Bare"):
    def __init__(self, name, opts=None, label=None, **props):
        super().__init__(BareProvider(), name, _props(name, label, props), opts)


class Vault(dynamic.Resource, module="box", name="Vault"):
    def __init__(self, name, opts=None, label=None, **props):
        super().__init__(SecretProvider(), name, _props(name, label, props), opts)
