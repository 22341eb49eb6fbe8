"""OAuth 2 over HTTP, as RFC 6749 has it: a form comes in, JSON goes out; and what RFC 8414
tells clients of it beforehand."""

import base64
import binascii
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, unquote_plus

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from edge.limits import Client, RateLimits
from runtime.faults import RETRY_AFTER_SECONDS, is_outage
from runtime.household import household
from runtime.http import Refused, counted, encoded, request_id_of
from runtime.oauth import TOKEN_PATH, Asked, Decide, Denied, UnknownClient
from runtime.process import Process
from runtime.tokens import ASYMMETRIC, unverified

log = structlog.get_logger()

KEYS_PATH = "/.well-known/jwks.json"
FORM = "application/x-www-form-urlencoded"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM_LIMIT = 16_384
FIELD_LIMIT = 16
ID_LIMIT = 100
WRONG_SECRET = 10_000
"""Points for a secret that is not right: to find out takes a core for some 30 ms."""
KEYS_MAX_AGE = 300


def token_endpoint(decide: Decide) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        limits: RateLimits | None = getattr(request.state, "limits", None)
        named = Client("anonymous", household(request.client.host if request.client else ""))
        paying = [named]
        try:
            if limits is not None:
                limits.refuse_spent(named)
            asked = asked_in(await form_of(request), request)
            # Wrong secrets of one client, sent from there: the client elsewhere is not to suffer.
            paying.append(Client("secret", f"{named.key} {asked.client_id[:ID_LIMIT]}"))
            if limits is not None:
                limits.refuse_spent(paying[-1])
            issued = await decide(request.state.process, asked)
        except Refused as refused:
            body = {"error": "slow_down", "error_description": refused.error.message}
            response = encoded(body, refused.status, **refused.headers)
        except Denied as denied:
            log.info("no token", error=denied.code)
            if limits is not None and denied.status == 401:
                for client in paying:
                    await limits.mistaken(client, WRONG_SECRET)
            body = {"error": denied.code, "error_description": denied.told}
            response = encoded(body, denied.status)
            if denied.status == 401:
                response.headers["www-authenticate"] = 'Basic realm="sewa-mitra"'
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as error:
            if not is_outage(error):
                raise
            log.error("unavailable", request_id=request_id_of(request), exc_info=error)
            told = "Try again in a moment."
            response = encoded({"error": "temporarily_unavailable", "error_description": told}, 503)
            response.headers["retry-after"] = str(RETRY_AFTER_SECONDS)
        else:
            response = encoded(
                {
                    "access_token": issued.access_token,
                    "token_type": "Bearer",
                    "expires_in": issued.expires_in,
                    "scope": issued.scope,
                }
            )
        response.headers.update({"cache-control": "no-store", "pragma": "no-cache"})
        return response

    return answer


async def form_of(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").lower().partition(";")[0].strip()
    if kind != FORM:
        raise Denied("invalid_request", f"Send the request as {FORM}.", 415)
    try:
        body = (await counted(request.receive, FORM_LIMIT)).decode("ascii")
        fields = parse_qsl(body, max_num_fields=FIELD_LIMIT, errors="strict")
    except Refused as refused:
        raise Denied("invalid_request", refused.error.message, refused.status) from None
    except ValueError:
        raise Denied("invalid_request", "The form cannot be read.") from None
    form = dict(fields)
    if len(form) < len(fields):
        raise Denied("invalid_request", "A parameter was sent twice.")
    return form


def asked_in(form: dict[str, str], request: Request) -> Asked:
    grant = form.get("grant_type")
    if grant is None:
        raise Denied("invalid_request", "`grant_type` is missing.")
    if grant != "client_credentials":
        raise Denied("unsupported_grant_type", "Only client_credentials is offered.")
    basic = request.headers.get("authorization")
    secret, assertion = form.get("client_secret"), form.get("client_assertion")
    if sum(proof is not None for proof in (basic, secret, assertion)) > 1:
        raise Denied("invalid_request", "Prove the client in one way, not in several.")
    client_id = form.get("client_id")
    if basic is not None:
        named, secret = credentials_in(basic)
    elif assertion is not None:
        if form.get("client_assertion_type") != JWT_BEARER:
            raise Denied("invalid_request", f"`client_assertion_type` must be {JWT_BEARER}.")
        # Proved, or not, by whoever checks the signature.
        named = str(unverified(assertion, 1).get("sub", ""))
    else:
        named = client_id or ""
    if client_id not in (None, named):
        raise Denied("invalid_request", "`client_id` names another client.")
    if not named.isprintable():
        # No id of ours, and not even a text to the database.
        raise UnknownClient
    return Asked(named, secret, assertion, form.get("scope"))


def credentials_in(header: str) -> tuple[str, str]:
    """Of HTTP Basic, each form-encoded before, as RFC 6749 wants it."""
    scheme, _, encoded = header.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise UnknownClient from None
    name, colon, secret = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise UnknownClient
    return unquote_plus(name), unquote_plus(secret)


async def published_keys(request: Request) -> Response:
    process: Process = request.state.process
    response = encoded(process.keys.published)
    response.headers["cache-control"] = f"public, max-age={KEYS_MAX_AGE}"
    return response


async def metadata(request: Request) -> Response:
    process: Process = request.state.process
    issuer = process.settings.address
    return encoded(
        {
            "issuer": issuer,
            "token_endpoint": issuer + TOKEN_PATH,
            "jwks_uri": issuer + KEYS_PATH,
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": [
                "client_secret_basic",
                "client_secret_post",
                "private_key_jwt",
            ],
            "token_endpoint_auth_signing_alg_values_supported": ASYMMETRIC,
        }
    )
