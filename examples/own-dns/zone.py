"""The program's own DNS provider: one TXT record, written by DNS update (RFC 2136).

A placeholder for the zone's real provider: `pulumi_aws.route53.Record`, `pulumi_cloudflare.DnsRecord`, and so on.
"""

import os
from typing import Any

import dns.name
import dns.query
import dns.tsigkeyring
import dns.update
import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

TTL = 300


class TxtRecordProvider(ResourceProvider):
    """The provider of `TxtRecord`. Reads DNS_SERVER (host:port) and DNS_KEY (name:secret) from the environment."""

    serialize_as_secret_always = False

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=any(olds[key] != news[key] for key in ("zone", "name", "text")))

    def create(self, props: dict[str, Any]) -> CreateResult:
        _write(props)
        return CreateResult(props["name"], props)

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        _write(news)
        return UpdateResult(news)


def _write(props: dict[str, Any]) -> None:
    if not props["text"]:
        return  # The domain is verified: there is nothing to prove.
    host, _, port = os.environ["DNS_SERVER"].rpartition(":")
    key, _, secret = os.environ["DNS_KEY"].partition(":")
    zone = dns.name.from_text(props["zone"])
    update = dns.update.UpdateMessage(zone, keyring=dns.tsigkeyring.from_text({key: ("hmac-sha256", secret)}))
    update.add(dns.name.from_text(props["name"]).relativize(zone), TTL, "TXT", f'"{props["text"]}"')
    dns.query.tcp(update, host, port=int(port), timeout=10)


class TxtRecord(Resource, module="zone", name="TxtRecord"):
    """A TXT record."""

    def __init__(
        self,
        name: str,
        *,
        zone: str,
        record: pulumi.Input[str],
        text: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(TxtRecordProvider(), name, {"zone": zone, "name": record, "text": text}, opts)
