"""The plugin as a process: where it starts, what it reports about itself, and its error messages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2

from sandbox.azuread.install import EXECUTABLE, install
from sandbox.azuread.package import sdk_version
from tests.azuread.conftest import ROOT, STAND_IN
from tests.azuread.driver import Plugin, PluginError, plugin_environment, urn
from tests.support.sandboxes import ADA, RunningSandbox


def _start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [*STAND_IN, "127.0.0.1:1"]
    return subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"SANDBOX_INSTANCE": ""}, "SANDBOX_INSTANCE is not set"),
        ({"SANDBOX_INSTANCE": "another"}, "is not the sandbox another"),
        ({"HTTPS_PROXY": "", "https_proxy": ""}, "HTTPS_PROXY is not set"),
        ({"HTTPS_PROXY": "http://192.0.2.1:3128"}, "is not on loopback"),
        ({"https_proxy": "http://127.0.0.1:1"}, "is not the sandbox"),
        ({"HTTPS_PROXY": "http://127.0.0.1.example:1"}, "is not on loopback"),
        ({"https_proxy": ""}, "HTTPS_PROXY is not set"),
        ({"NO_PROXY": "*", "no_proxy": "*"}, "NO_PROXY contains *"),
        ({"NO_PROXY": "*"}, "NO_PROXY contains *"),
        ({"no_proxy": "localhost, *"}, "no_proxy contains *"),
        ({"no_proxy": "login.microsoftonline.com"}, "login.microsoftonline.com would be reached"),
        ({"no_proxy": "LOGIN.MicrosoftOnline.com:443"}, "login.microsoftonline.com would be reached"),
        ({"no_proxy": ".microsoft.com"}, "graph.microsoft.com would be reached"),
        ({"NO_PROXY": "localhost *.microsoft.com"}, "graph.microsoft.com would be reached"),
        ({"no_proxy": "com"}, "would be reached without the sandbox"),
    ],
)
def test_it_starts_only_for_a_running_sandbox(
    changes: dict[str, str], reason: str, sandbox: RunningSandbox
) -> None:
    ended = _start({**plugin_environment(sandbox.env), **changes})
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert reason in ended.stderr
    assert "pulumi plugin install resource azuread" in ended.stderr


def test_no_request_bypasses_the_proxy(sandbox: RunningSandbox) -> None:
    """A host that the door did not know of, named by the configuration, is looked at when it is asked."""
    environment = {**plugin_environment(sandbox.env), "no_proxy": "elsewhere.example"}
    with (
        Plugin(STAND_IN, environment, ROOT) as plugin,
        pytest.raises(PluginError, match="without the sandbox"),
    ):
        plugin.configure({"metadataHost": "elsewhere.example"})


def test_it_starts_fast_enough(sandbox: RunningSandbox) -> None:
    def seconds() -> float:
        begun = time.perf_counter()
        with Plugin(STAND_IN, plugin_environment(sandbox.env), ROOT):
            return time.perf_counter() - begun

    # The best of a few: the machine does other things too.
    assert min(seconds() for _ in range(3)) < 1.0


def test_it_reports_the_version_that_the_sdk_requests(plugin: Plugin) -> None:
    assert plugin.call("GetPluginInfo", Empty()).version == sdk_version()


def test_handshake_is_left_to_the_classic_order(plugin: Plugin) -> None:
    with pytest.raises(PluginError) as refused:
        plugin.call("Handshake", provider_pb2.ProviderHandshakeRequest())
    assert refused.value.code is grpc.StatusCode.UNIMPLEMENTED


def test_configure_promises_what_the_published_plugin_does(plugin: Plugin) -> None:
    assert plugin.configure({}) == {"supportsPreview": True, "supportsAutonamingConfiguration": True}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_at_once(number: signal.Signals, sandbox: RunningSandbox) -> None:
    with Plugin(STAND_IN, plugin_environment(sandbox.env), ROOT) as plugin:
        plugin.process.send_signal(number)
        assert plugin.process.wait(5) == 0


def test_cancel_ends_the_wait_of_a_throttled_call(sandbox: RunningSandbox) -> None:
    with Plugin(STAND_IN, plugin_environment(sandbox.env), ROOT) as plugin, ThreadPoolExecutor(1) as threads:
        plugin.configure({})
        throttled = {"host": "graph.microsoft.com", "method": "GET", "path": ".*/users", "status": 429}
        sandbox.control.faults({**throttled, "headers": {"Retry-After": "60"}, "body": {}})
        already = len(sandbox.control.journal(path=".*/users"))
        waiting = threads.submit(plugin.invoke, "getUser", {"mail": ADA})
        while len(sandbox.control.journal(path=".*/users")) == already:
            pass
        plugin.call("Cancel", Empty())
        with pytest.raises(PluginError, match="cancelled"):
            waiting.result(timeout=10)


def test_cancel_gets_a_response(command: list[str], sandbox: RunningSandbox) -> None:
    with Plugin(command, plugin_environment(sandbox.env), ROOT) as plugin:
        assert plugin.call("Cancel", Empty()) == Empty()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ARM_CLIENT_SECRET": "wrong"}, "AADSTS7000215"),
        ({"ARM_CLIENT_ID": "11111111-1111-4111-8111-111111111111"}, "AADSTS700016"),
        ({"ARM_TENANT_ID": "11111111-1111-4111-8111-111111111111"}, "AADSTS90002"),
    ],
)
def test_a_refused_sign_in_shows_entras_message(
    changes: dict[str, str], code: str, command: list[str], sandbox: RunningSandbox
) -> None:
    environment = {**plugin_environment(sandbox.env), **changes}
    with Plugin(command, environment, ROOT) as plugin, pytest.raises(PluginError) as refused:
        plugin.configure({})
    assert (
        "building client: unable to obtain access token: clientCredentialsToken: received HTTP"
        in refused.value.text
    )
    assert code in refused.value.text
    assert sandbox.env["ARM_CLIENT_SECRET"] not in refused.value.text


def test_configuration_wins_over_the_environment(command: list[str], sandbox: RunningSandbox) -> None:
    environment = {**plugin_environment(sandbox.env), "ARM_CLIENT_SECRET": "wrong"}
    with Plugin(command, environment, ROOT) as plugin:
        plugin.configure({"clientSecret": sandbox.env["ARM_CLIENT_SECRET"]})
        assert plugin.invoke("getClientConfig", {})["return"]["tenantId"] == sandbox.env["ARM_TENANT_ID"]


def test_a_metadata_host_names_the_addresses(command: list[str], sandbox: RunningSandbox) -> None:
    environment = {**plugin_environment(sandbox.env), "ARM_METADATA_HOSTNAME": "management.azure.com"}
    with Plugin(command, environment, ROOT) as plugin:
        plugin.configure({})
        assert plugin.invoke("getUser", {"mail": ADA})["return"]["mail"] == ADA


@pytest.mark.parametrize("way", [{"ARM_USE_CLI": "true"}, {"ARM_USE_MSI": "true"}], ids=("CLI", "MSI"))
def test_other_ways_to_sign_in_are_named(sandbox: RunningSandbox, way: dict[str, str]) -> None:
    environment = {**plugin_environment(sandbox.env), "ARM_CLIENT_SECRET": "", **way}
    with Plugin(STAND_IN, environment, ROOT) as plugin, pytest.raises(PluginError) as refused:
        plugin.check_config({"version": "6.11.1"})
    assert "ARM_CLIENT_SECRET missing" in refused.value.text
    assert "need the published plugin" in refused.value.text


def test_calls_before_configure_fail_with_a_message(sandbox: RunningSandbox) -> None:
    environment = plugin_environment(sandbox.env)
    with Plugin(STAND_IN, environment, ROOT) as plugin, pytest.raises(PluginError, match="not configured"):
        plugin.invoke("getUser", {"mail": ADA})


def test_unknown_types_name_the_published_plugin(sandbox: RunningSandbox) -> None:
    with Plugin(STAND_IN, plugin_environment(sandbox.env), ROOT) as plugin:
        with pytest.raises(PluginError, match="pulumi plugin install resource azuread") as unknown:
            plugin.check("ConditionalAccessPolicy", {})
        assert "azuread:index/conditionalAccessPolicy:ConditionalAccessPolicy" in unknown.value.text
        with pytest.raises(PluginError, match="pulumi plugin install resource azuread"):
            plugin.invoke("getGroups", {})


def test_a_resource_inside_a_component_is_found_by_the_end_of_its_type(plugin: Plugin) -> None:
    inside = urn("ClaimsMappingPolicy", "claims").replace("::azuread:", "::sso:index:Component$azuread:")
    checked = plugin.call(
        "Check",
        provider_pb2.CheckRequest(urn=inside, type="azuread:index/claimsMappingPolicy:ClaimsMappingPolicy"),
    )
    assert len(checked.failures) == 2
    assert all("'claims." in failure.reason for failure in checked.failures)


def test_calls_may_be_concurrent(command: list[str], sandbox: RunningSandbox) -> None:
    with Plugin(command, plugin_environment(sandbox.env), ROOT) as plugin:
        plugin.configure({})
        gate = threading.Barrier(8)

        def create(number: int) -> str:
            gate.wait()
            inputs = {
                "displayName": f"claims {number}",
                "definitions": ['{"ClaimsMappingPolicy":{"Version":1}}'],
            }
            return plugin.create("ClaimsMappingPolicy", inputs)[0]

        with ThreadPoolExecutor(8) as threads:
            made = list(threads.map(create, range(8)))
    assert len(set(made)) == 8


def test_of_two_certificates_the_right_one_is_deleted(sandbox: RunningSandbox) -> None:
    """The published plugin removes the other one and waits until it gives up (docs/azuread-stand-in.md)."""
    kind = "ServicePrincipalTokenSigningCertificate"
    with Plugin(STAND_IN, plugin_environment(sandbox.env), ROOT) as plugin:
        plugin.configure({})
        template = plugin.invoke("getApplicationTemplate", {"displayName": "Mimecast"})["return"][
            "templateId"
        ]
        _, made = plugin.create(
            "ApplicationFromTemplate", {"displayName": "Two keys", "templateId": template}
        )
        on = {"servicePrincipalId": made["servicePrincipalId"]}
        (first, outputs), (second, _) = plugin.create(kind, on), plugin.create(kind, on)
        plugin.delete(kind, first, outputs)
        assert plugin.read(kind, first, outputs, on)["id"] == ""
        assert plugin.read(kind, second, outputs, on)["id"] == second
        plugin.delete(kind, first, outputs)


def test_the_schema_has_every_type_and_function(plugin: Plugin) -> None:
    schema = json.loads(plugin.call("GetSchema", provider_pb2.GetSchemaRequest()).schema)
    assert schema["version"] == sdk_version()
    certificate = schema["resources"][
        "azuread:index/servicePrincipalTokenSigningCertificate:ServicePrincipalTokenSigningCertificate"
    ]
    assert certificate["properties"]["value"]["secret"] is True
    assert certificate["requiredInputs"] == ["servicePrincipalId"]
    assert "azuread:index/getClientConfig:getClientConfig" in schema["functions"]


def test_the_stand_in_is_installed_where_there_is_no_published_plugin(
    empty_path: Path, sandbox: RunningSandbox
) -> None:
    home = empty_path / "pulumi-home"
    installed = install(home)
    assert installed == home / "plugins" / f"resource-azuread-v{sdk_version()}" / EXECUTABLE
    assert install(home) == installed
    with Plugin([str(installed)], plugin_environment(sandbox.env), empty_path) as plugin:
        assert plugin.call("GetPluginInfo", Empty()).version == sdk_version()


@pytest.mark.parametrize("place", ["path", "home", "pulumi home"])
def test_a_published_plugin_takes_precedence(
    place: str, empty_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = f"resource-azuread-v{sdk_version()}"
    places = {
        "path": empty_path / "bin",
        "home": empty_path / ".pulumi" / "plugins" / folder,
        "pulumi home": empty_path / "own" / "plugins" / folder,
    }
    published = places[place] / EXECUTABLE
    published.parent.mkdir(parents=True)
    published.write_text("#!/bin/sh\n")
    published.chmod(0o755)
    monkeypatch.setenv("PULUMI_HOME", str(empty_path / "own"))
    home = empty_path / "pulumi-home"
    target = home / "plugins" / folder / EXECUTABLE

    assert install(home) is None
    assert target.resolve() == published.resolve()

    published.unlink()
    assert install(home) == target
    assert sys.executable in target.read_text()
    assert os.access(target, os.X_OK)


def test_another_sandbox_is_not_taken_for_a_published_plugin(
    empty_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_HOME", str(empty_path / "first"))
    install(empty_path / "first")
    assert install(empty_path / "second") is not None
