"""What must be set where people are real: in development it is made up, or does without."""

from collections.abc import Collection, Iterator

from runtime.settings import Settings

MESSAGING = frozenset({"worker", "booking"})
"""Subgraphs whose commands send text messages themselves."""
SIGNING_WEBHOOKS = frozenset({"review"})


def missing(settings: Settings, parts: Collection[str] = ()) -> list[str]:
    """A sentence for each setting without which these parts of the graph, or all of it, cannot be
    served, nor be worked for."""
    return [f"{name} is required {why}" for name, why in required(settings, frozenset(parts))]


def required(settings: Settings, parts: frozenset[str]) -> Iterator[tuple[str, str]]:
    if parts and not settings.gateway_secrets:
        yield "GATEWAY_SECRETS", "by a subgraph: it answers gateways it knows, and nobody else."
    if settings.development:
        return
    where = "where DEVELOPMENT is false:"
    if not settings.signing_keys:
        yield "SIGNING_KEYS", f"{where} `server.py keys` makes it."
    if not settings.issuer:
        yield (
            "ISSUER",
            f"{where} the address that clients know, such as https://sewamitra.up.gov.in.",
        )
    if not settings.sms_url and (not parts or parts & MESSAGING):
        yield "SMS_URL", f"{where} text messages are posted there."
    if (
        settings.webhooks == "on"
        and not settings.webhook_key
        and (not parts or parts & SIGNING_WEBHOOKS)
    ):
        yield "WEBHOOK_KEY", f"{where} `openssl rand -base64 32` makes it; or say WEBHOOKS=off."
