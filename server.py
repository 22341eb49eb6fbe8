"""The gateway as an application, and the command line around it."""

import asyncio
import errno
import os
import re
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar
from zoneinfo import ZoneInfo

import orjson
import typer
from graphql import GraphQLError, GraphQLObjectType, GraphQLSchema
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute

import ide.build
import resolvers.background  # noqa: F401  (jobs and followers become known by it)
from data import demo, reference
from edge import ide as ide_page
from edge import oauth, serving
from edge.answering import json_error, masked_fault
from edge.answers import answers_of, following
from edge.application import Application
from edge.documents import (
    BadManifest,
    Trusted,
    documents_in,
    documents_of,
    examples_for,
    only_trusted,
)
from edge.endpoint import Endpoint
from edge.federated import Follow, Own, federated_app, gateway_over
from edge.lasting import Lasting
from edge.limits import limits_of
from edge.readiness import healthy, readiness
from edge.runners import Runner, Runners
from edge.schema_text import schema_text
from edge.watching import Watching, exposed, watching_of
from edge.websocket import Sockets
from edge.workers import Workers
from engine.contracts import Contracts
from engine.cost import Limits
from engine.engine import Engine, Operation
from federation.disclosure import Privacies
from federation.gateway import Gateway
from federation.network import Transport
from federation.observer import Observer
from federation.partner import BadPartners
from federation.policy import SHOWN
from federation.router import planned
from federation.supergraph import BadSupergraph
from models import catalogue
from models.account import ConsentPurpose
from resolvers import document, export_file, partner, partner_token
from runtime import log
from runtime.background import working
from runtime.database import Database
from runtime.embedded import InUse, default_folder, embedded_postgres, put_back, set_aside
from runtime.ending import end_when_told
from runtime.faults import BadInput, Invalid, NotFound
from runtime.garbage import look_seldom
from runtime.geography import INDIA
from runtime.identity import DEMO
from runtime.kept import KeptRows
from runtime.language import Language
from runtime.migration import NotMigrated, Outdated, migrate
from runtime.oauth import TOKEN_PATH
from runtime.oidc import claim_names
from runtime.privacy import Privacy
from runtime.process import process_of
from runtime.refusal import Refusal
from runtime.required import missing
from runtime.rights import Role
from runtime.settings import Settings
from runtime.signature import LEAST_SECRET, Gateways, secrets_in
from runtime.sms import Sms
from runtime.storage import folder_for
from runtime.tokens import NoKeys, keys_in, rotate
from runtime.transaction import transaction
from runtime.viewer import Viewer
from schema import sdl
from schema.contract import contract
from schema.graph import SUBGRAPHS, gateway
from schema.node import kind_of
from schema.subgraph import OWN, guarding, privacy_of, privacy_of_field, subgraph

CHECKOUT = Path(__file__).parent
OPERATIONS = CHECKOUT / "docs" / "operations"
LOOK_SECONDS = 1
ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?")

T = TypeVar("T")


def create_app(
    settings: Settings,
    sms: Sms | None = None,
    *,
    background: bool = False,
    documents: Iterable[str] = (),
    transport: Transport | None = None,
) -> Starlette:
    """The application over `settings.database_url`, which must be set. Text messages go to `sms`
    rather than where the settings say, and questions to partners over `transport`. With
    `background` it also does what `work` does. The first to send one of the `documents` need not
    wait for it to be prepared. Raises BadSupergraph, BadPartners or OSError where `settings` name
    none that can be served."""
    assets = ide.build.assets()

    def page() -> Response:
        return ide_page.page("/graphql", OPERATIONS, assets)

    documents = list(documents)
    watching = watching_of(settings, [sha256(known.encode()).hexdigest() for known in documents])
    engine, during = runner_of(settings, watching.observer, transport)
    contracts = contracts_of(settings, watching.observer)
    runners = Runners(engine, contracts)
    trusted = Trusted(Path(settings.documents) if settings.documents else None)
    for known in (*documents, *trusted.texts):
        engine.warm(known)
    lasting = Lasting(settings)
    shown = page if settings.shows("ide") else None
    endpoint = Endpoint(runners, settings, shown, lasting=lasting, watching=watching)
    app = Application(
        Route("/graphql", watching.around(endpoint)),
        WebSocketRoute("/graphql", Sockets(runners, settings, lasting)),
        Route("/", lambda _: RedirectResponse("/graphql"), methods=["GET"]),
        Route("/healthz", healthy),
        Route("/readyz", readiness(catalogue.unfit)),
        schema_text(text_of(engine) if settings.shows("introspection") else None, contracts),
        Route("/documents/{ticket}", document.receive, methods=["PUT"]),
        Route("/documents/{ticket}", document.deliver, methods=["GET"]),
        Route("/exports/{token}", export_file.deliver, methods=["GET"]),
        Route("/.well-known/oauth-authorization-server", oauth.metadata),
        Route(oauth.KEYS_PATH, oauth.published_keys),
        Route(TOKEN_PATH, oauth.token_endpoint(partner_token.issue), methods=["POST"]),
        *(ide_page.routes(assets) if settings.shows("ide") else ()),
        origins=settings.origins,
        local_origins=settings.local_origins,
        exception_handlers={HTTPException: json_error, Exception: masked_fault},
        lifespan=lifespan_of(
            settings,
            sms,
            watching,
            *during,
            contracts=contracts,
            background=background,
            trusted=trusted,
        ),
    )
    app.state.lasting = lasting
    return app


def create_subgraph(settings: Settings, *names: str, sms: Sms | None = None) -> Starlette:
    """Parts of the graph, for the gateways that `settings.gateway_secrets` names. What clients
    meet beside GraphQL is the gateway's to serve."""
    assert settings.gateway_secrets is not None
    gateways = Gateways(secrets_in(settings.gateway_secrets), settings.clock_skew_seconds)
    # Representations take more room than what clients ask, and gateways are known.
    settings = replace(
        settings,
        body_limit=settings.subgraph_body_limit,
        introspection="always",
        suggestions="always",
    )
    chosen, watching = subgraph(*names), watching_of(settings)
    engine = engine_of(chosen.schema, settings, watching.observer)
    endpoint = Endpoint(Runners(engine), settings, gateways=gateways, watching=watching)
    return Application(
        Route("/graphql", watching.around(endpoint)),
        Route("/healthz", healthy),
        Route("/readyz", readiness(catalogue.unfit)),
        schema_text(lambda: chosen.sdl),
        exception_handlers={HTTPException: json_error, Exception: masked_fault},
        # Commands of partners' systems are carried out here too, where a router sends them on.
        lifespan=lifespan_of(settings, sms, watching, contracts=contracts_of(settings)),
    )


def engine_of(
    schema: GraphQLSchema, settings: Settings, observer: Observer | None, **more: Any
) -> Engine:
    chosen = {
        "limits": Limits.of(settings),
        "identified": settings.response_cache_bytes > 0,
        "rows_kept": settings.entity_cache_rows > 0,
        **more,
    }
    return Engine(schema, seconds=settings.operation_seconds, observer=observer, **chosen)


def contracts_of(settings: Settings, observer: Observer | None = None) -> Contracts:
    """What partners' systems are shown; and they are shown it whole, as nobody else's is in it."""
    open_ = replace(settings, introspection="always", suggestions="always")
    return Contracts(contract, partial(engine_of, settings=open_, observer=observer, named=True))


def runner_of(
    settings: Settings,
    observer: Observer | None = None,
    transport: Transport | None = None,
) -> tuple[Runner, Sequence[Follow]]:
    """What answers operations, and what has to be entered around it. Raises as `create_app`."""
    if settings.supergraph is None:
        return engine_of(gateway().schema, settings, observer), ()
    schema = gateway().schema

    def privacy_of_ours(type_: str, field: str) -> Privacy:
        owner = schema.type_map[type_]
        assert isinstance(owner, GraphQLObjectType)
        return privacy_of_field(owner.fields[field])

    privacies = Privacies(
        privacy_of_ours, lambda name, area: privacy_of(schema.get_type(name), area)
    )
    own = Own(OWN, schema, partial(guarding, SHOWN), privacies, kind_of)
    made = partial(engine_of, settings=settings, observer=observer)
    supergraph = Path(settings.supergraph)
    runner, followed = gateway_over(supergraph, settings, own, made, transport, observer)
    return runner, (followed,)


def lifespan_of(
    settings: Settings,
    sms: Sms | None,
    watching: Watching,
    *during: Follow,
    contracts: Contracts | None = None,
    background: bool = False,
    trusted: Trusted | None = None,
) -> Callable[[Starlette], AbstractAsyncContextManager[dict[str, Any]]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        runner_for = contracts.engine_for if contracts is not None else None
        async with process_of(settings, sms, runner_for) as process, AsyncExitStack() as stack:
            stack.push_async_callback(watching.close)
            await stack.enter_async_context(process.revoked.followed())
            if watching.metrics is not None:
                await stack.enter_async_context(watching.metrics.sampled(process))
            for each in during:
                await stack.enter_async_context(each(process))
            if background:
                await stack.enter_async_context(working(process))
            state: dict[str, Any] = {"process": process}
            if trusted is not None:
                state["limits"] = limits_of(settings, process.redis, process.ledger)
                state["documents"] = documents_of(trusted, process)
                await stack.enter_async_context(trusted.followed())
            if settings.response_cache_bytes or settings.entity_cache_rows:
                recent = await stack.enter_async_context(following(process))
                if settings.entity_cache_rows:
                    state["rows"] = KeptRows(
                        settings.entity_cache_rows, recent, count=watching.counting("rows")
                    )
                if trusted is not None and settings.response_cache_bytes:
                    state["answers"] = answers_of(
                        process, recent, sdl.current(), watching.counting("answers")
                    )
            yield state

    return lifespan


def text_of(runner: Runner) -> Callable[[], str]:
    """The schema that clients see, at the time."""
    if isinstance(runner, Gateway):
        return runner.text
    ours = sdl.current()
    return lambda: ours


cli = typer.Typer(
    help="Sewa Mitra Gateway: one GraphQL endpoint over workers, skills, bookings and reviews.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
schema_cli = typer.Typer(help="The schema as text.", no_args_is_help=True)
cli.add_typer(schema_cli, name="sdl")
partner_cli = typer.Typer(help="Systems of partner departments.", no_args_is_help=True)
cli.add_typer(partner_cli, name="partner")
console = Console(stderr=True, highlight=False)


@cli.command()
def serve(
    profile: Annotated[
        str, typer.Option(help="The demo data an empty embedded database is filled with.")
    ] = "launch",
    seed: Annotated[int, typer.Option(help="Another number gives other people.")] = 1,
    part: Annotated[
        list[str] | None,
        typer.Option("--subgraph", help=f"{' | '.join(SUBGRAPHS)}; may be given several times."),
    ] = None,
    descriptor: Annotated[int | None, typer.Option("--socket", hidden=True)] = None,
    parent: Annotated[int | None, typer.Option("--parent", hidden=True)] = None,
) -> None:
    """Serve the gateway, on a database of its own or on DATABASE_URL.

    Without DATABASE_URL this starts the embedded PostgreSQL, migrates it and fills it with
    demo data if it is empty; all of it stops with Ctrl-C, SIGTERM or the terminal. With
    DATABASE_URL it migrates in development, and loads reference data but no demo data: for
    that, run `seed`. Where DEVELOPMENT is false it changes nothing, and starts only on tables
    that have what it needs: run `migrate` first.

    With --subgraph it serves that part of the graph alone, as a Federation 2 subgraph, to the
    gateways that GATEWAY_SECRETS names; `work` then does what nobody waits for.

    WORKERS says how many processes serve on the one port; one that dies is replaced.

    PORT=8080 python server.py serve
    """
    settings, parts = the_settings(), tuple(dict.fromkeys(part or ()))
    refuse_missing(settings, parts)
    refuse_unsafe(settings)
    refuse_paths(settings)
    if parts:
        refuse_open_subgraph(settings, parts)
    if descriptor is not None:
        # One of several: whoever started it has seen to everything else.
        app = application(settings, parts, background=False)
        serving.serve(app, settings, descriptor, parent)
        return
    refuse_taken_port(settings)
    with a_usable_database(settings) as url:
        if settings.database_url is None and asyncio.run(demo.is_empty(url)):
            fill(url, profile, seed=seed, workers=None, as_of=None)
        elif settings.migrates:
            asyncio.run(reference.load(url))
        address = settings.served_at
        served = f"subgraph {' + '.join(parts)}" if parts else "सेवा मित्र"
        console.print(f"\n[bold]Sewa Mitra Gateway[/bold] · {served}\n")
        has_ide = settings.shows("ide") and not parts
        console.print(f"  {'IDE  ' if has_ide else 'calls'}    {address}/graphql")
        if parts or settings.shows("introspection"):
            console.print(f"  schema   {address}/schema.graphql")
        console.print(f"  ready?   {address}/readyz")
        if settings.database_url is None:
            console.print(f"  data     {folder_of(settings)}")
        if settings.development and not parts:
            tell_accounts(asyncio.run(demo.accounts_in(url)))
        console.print("\nCtrl-C stops everything.\n")
        chosen = replace(settings, database_url=url)
        background = not parts and (settings.database_url is None or settings.development)
        if settings.workers > 1:
            serve_in_several(chosen, parts, background=background)
        else:
            with exposed(settings):
                serving.serve(application(chosen, parts, background=background), settings)


def application(settings: Settings, parts: tuple[str, ...], *, background: bool) -> Starlette:
    try:
        if parts:
            made = create_subgraph(settings, *parts)
        else:
            documents = [p.read_text(encoding="utf-8") for p in OPERATIONS.glob("*.graphql")]
            made = create_app(settings, background=background, documents=documents)
    except (BadSupergraph, BadPartners, BadManifest, OSError) as error:
        fail(str(error))
    except Invalid as invalid:
        fail(f"DOCUMENTS: {invalid.errors[0]}")
    look_seldom()
    return made


def serve_in_several(settings: Settings, parts: tuple[str, ...], *, background: bool) -> None:
    """The database is there; what one process would make up for itself is made for all of them."""
    ourselves = [sys.executable, str(CHECKOUT / "server.py")]
    environment = {
        **os.environ,
        "DATABASE_URL": str(settings.database_url),
        "STORAGE_DIR": str(folder_for(settings)),
    }
    with tempfile.TemporaryDirectory() as folder, serving.listening(settings) as listening:
        if settings.signing_keys is None:
            environment["SIGNING_KEYS"] = f"{folder}/keys.json"
            rotate(Path(folder) / "keys.json")
        named = [option for part in parts for option in ("--subgraph", part)]
        parent = ["--parent", str(os.getpid())]
        command = [*ourselves, "serve", *named, "--socket", str(listening.fileno()), *parent]
        commands = [command] * settings.workers
        if background:
            commands.append([*ourselves, "work", *parent])
        figures = Path(folder) / "figures"
        figures.mkdir()
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(figures)
        with exposed(settings, str(figures)) as forget:
            code = Workers(commands, environment, [listening.fileno()], forget).run()
    if code:
        fail("A process ended as soon as it had started; the log says why.")


@cli.command()
def federate(
    supergraph: Annotated[Path, typer.Option(help="The file that a composer has written.")],
    port: Annotated[int | None, typer.Option(help="PORT, if left out.")] = None,
    plan: Annotated[
        Path | None, typer.Option(help="Print what this operation would fetch, and serve nothing.")
    ] = None,
) -> None:
    """Serve a supergraph, whoever its subgraphs are of; no database of ours is needed.

    Subgraphs are where the supergraph says, or SUBGRAPH_URLS. A newer file is taken over by
    itself, without a restart.

    SUBGRAPH_URLS=stock=http://localhost:4001/graphql python server.py federate --supergraph FILE
    """
    settings = the_settings()
    if port is not None:
        settings = replace(settings, port=port)
    try:
        if plan is not None:
            typer.echo(planned(supergraph, plan.read_text(encoding="utf-8")), nl=False)
            return
        refuse_taken_port(settings)
        application = federated_app(supergraph, settings, watching=watching_of(settings))
    except Invalid as invalid:
        fail("\n".join(error.message for error in invalid.errors))
    except (BadSupergraph, BadPartners, OSError, ValueError, GraphQLError) as error:
        fail(f"{supergraph}: {error}")
    look_seldom()
    console.print(f"Serving {supergraph} at {settings.served_at}/graphql")
    with exposed(settings):
        serving.serve(application, settings)


@cli.command("work")
def work_command(
    parent: Annotated[int | None, typer.Option("--parent", hidden=True)] = None,
) -> None:
    """Do what nobody waits for: hand changes on, tell people, run jobs when they fall due.

    As many of these as you like may run beside `serve`, which does the same work itself in
    development and on the embedded database.

    DATABASE_URL=postgresql://sewa@db/sewa python server.py work
    """
    settings = the_settings()
    refuse_missing(settings)
    refuse_unsafe(settings)
    refuse_paths(settings)
    with a_usable_database(settings) as url:
        asyncio.run(work_until_told(replace(settings, database_url=url), parent))


async def work_until_told(settings: Settings, parent: int | None = None) -> None:
    """Or until the `parent` that began it is gone, where there is one."""
    told, loop = asyncio.Event(), asyncio.get_running_loop()

    def end(_: int) -> None:
        loop.call_soon_threadsafe(told.set)

    # Not by the loop's own handlers: with the loop they go, and PostgreSQL is yet to be stopped.
    end_when_told(end)
    signal.signal(signal.SIGINT, lambda *_: signal.raise_signal(signal.SIGTERM))
    runner_for = contracts_of(settings).engine_for
    async with process_of(settings, runner_for=runner_for) as process, working(process):
        look_seldom()
        console.print("Working. Ctrl-C stops.")
        while not told.is_set() and parent in (None, os.getppid()):
            with suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), LOOK_SECONDS)


@cli.command("migrate")
def migrate_command() -> None:
    """Bring the database's tables and reference data to the newest version.

    One process at a time; a second one waits. docs/upgrading.md says how releases follow each
    other.

    DATABASE_URL=postgresql://sewa@db/sewa python server.py migrate
    """
    with a_usable_database(the_settings(), migrating=True) as url:
        asyncio.run(reference.load(url))


@cli.command("seed")
def seed_command(
    profile: Annotated[str, typer.Option(help=" | ".join(demo.PROFILES))] = "launch",
    workers: Annotated[
        int | None, typer.Option(help="Another size, all else in proportion.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another number gives other people.")] = 1,
    as_of: Annotated[
        datetime | None, typer.Option(help="The day the data stands at; today if left out.")
    ] = None,
    if_empty: Annotated[
        bool, typer.Option("--if-empty", help="Leave a database that holds data as it is.")
    ] = False,
) -> None:
    """Fill an empty database with demo data: the same for the same seed and day.

    launch      the published figures of the launch: 1,980 workers, 3,518 services delivered
    scale-2025  three years later: 52,349 workers, 39,857 bookings
    large       millions of workers, in minutes

    python server.py seed --profile large --workers 2000000
    """
    with a_usable_database(the_settings(), migrating=True) as url:
        if not asyncio.run(demo.is_empty(url)):
            if if_empty:
                console.print("The database holds data already, and is left as it is.")
                return
            fail("The database holds data already; demo data goes into an empty one only.")
        fill(url, profile, seed=seed, workers=workers, as_of=as_of)


@cli.command("keys")
def keys_command() -> None:
    """Make the keys that sign tokens, or rotate them: in the file that SIGNING_KEYS names.

    A new key signs from now on. The one before it goes on verifying what
    it signed; older ones are forgotten, and what they signed with them.
    Running servers take notice by themselves, without a restart.

    Rotate as often as you like, but not twice within ACCESS_MINUTES, or
    people and partners have to sign in again. After a leak do just that.

    The file is readable by its owner only, and stays so.

    SIGNING_KEYS=/etc/sewa-mitra/keys.json python server.py keys
    """
    path = the_settings().signing_keys or fail("SIGNING_KEYS names no file to put keys into.")
    try:
        first, *older = rotate(Path(path))
    except NoKeys as error:
        fail(f"SIGNING_KEYS: {error}")
    except OSError as error:
        fail(f"SIGNING_KEYS: {path} cannot be written: {error.strerror}.")
    console.print(f"{first} signs from now on.")
    for key in older:
        console.print(f"{key} still verifies what it signed, until the next rotation.")


@cli.command("plan")
def plan_command(
    document: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    variables: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Their JSON; else NAME.json, if there."),
    ] = None,
    account: Annotated[
        str | None, typer.Option("--as", help=f"As whom: {', '.join(demo.ROLES)}.")
    ] = None,
) -> None:
    """Print how an operation would run: its levels, how each field is answered, and the SQL.

    Nothing is run, and no database is needed. Where partners have a part in it
    (SUPERGRAPH), it says instead what is fetched from whom. To see how many keys and rows
    each read has and how long it takes, send `"extensions": {"plan": true}`
    with the operation to a server in development.

    python server.py plan docs/operations/home_view.graphql --as citizen
    """
    settings = the_settings()
    if account is not None and account not in demo.ROLES:
        fail(f"There is no demo account {account}: choose one of {', '.join(demo.ROLES)}.")
    beside = document.with_suffix(".json")
    chosen = variables or (beside if beside.is_file() else None)
    try:
        engine = runner_of(settings)[0]
        given = orjson.loads(chosen.read_bytes()) if chosen else {}
        if not isinstance(given, dict):
            fail(f"{chosen} must hold an object: the variables by their names.")
        operation = engine.prepare(document.read_text(encoding="utf-8"))
        viewer = Viewer(demo.ROLES[account] if account else Role.ANONYMOUS)
        typer.echo(engine.plan(operation, given, viewer, settings.page_limit), nl=False)
    except orjson.JSONDecodeError as error:
        fail(f"{chosen} is not JSON: {error}.")
    except Invalid as invalid:
        fail("\n".join(map(str, invalid.errors)))
    except (BadSupergraph, BadPartners, OSError, GraphQLError) as error:
        fail(str(error))


@cli.command("documents")
def documents_command(
    manifest: Annotated[Path, typer.Argument(exists=True, help="Or a folder of them.")],
) -> None:
    """Check the documents of a manifest: whether each is valid, what it costs, what of it is to go.

    Of a variable that has no default it takes the worst, so pages are as long as they may be.
    What partners have a part in is not priced. Ends with 1 if any would be refused.

    python server.py documents persisted-documents.json
    """
    settings = the_settings()
    engine, refused = runner_of(settings)[0], 0
    try:
        documents = sorted(set(documents_in(manifest).values()))
    except (BadManifest, OSError) as error:
        fail(str(error))
    for text in documents:
        try:
            operation, cost = engine.prepare(text), "–"
            if isinstance(operation, Operation):
                schema, worst = gateway().schema, settings.page_limit
                variables = examples_for(schema, operation.definition, worst)
                planned = engine.planned(operation, variables, Viewer())
                cost = f"{planned.cost:,}" if planned else cost
        except Invalid as invalid:
            refused += 1
            typer.echo(f"refused   {text.split('(')[0].strip()[:60]}")
            for each in invalid.errors:
                typer.echo(f"          {each.message}")
            continue
        typer.echo(f"{cost:>9} {operation.kind.value} {operation.name or ''}")
        for told in operation.deprecated:
            typer.echo(f"          deprecated: {told}")
    if refused:
        raise typer.Exit(1)


Quota = Annotated[int | None, typer.Option(min=1)]
Client = Annotated[str, typer.Argument(help="Its client id, pc_…")]
Reason = Annotated[str, typer.Option(help="Why, for those who run it to read.")]


@partner_cli.command("add")
def partner_add(
    name: Annotated[str, typer.Argument(help="Whose system it is, as auditors will read it.")],
    purpose: Annotated[list[ConsentPurpose], typer.Option(help="Once for each purpose.")],
    district: Annotated[list[int], typer.Option(help="LGD codes; once for each.")],
    contact: Annotated[str, typer.Option(help="Where those who run it are told of things.")] = "",
    days: Annotated[int, typer.Option(min=1, help="Until access ends by itself.")] = 365,
    keys: Annotated[
        Path | None,
        typer.Option(help="A JWK set of its public keys: it signs instead of having a secret."),
    ] = None,
    contract: Annotated[str | None, typer.Option(help="A version; else the newest.")] = None,
    points_per_minute: Quota = None,
    points_per_day: Quota = None,
    rows_per_minute: Quota = None,
    rows_per_day: Quota = None,
) -> None:
    """Give a partner's system access: a client id, and a secret that is shown this once.

    It sees people of its districts who agreed to one of its purposes, and nobody else.

    python server.py partner add "Skill Mission" --purpose SKILL_RECORDS --district 162
    """
    try:
        published = keys.read_text(encoding="utf-8") if keys else None
    except (OSError, ValueError) as error:
        fail(f"{keys}: {error}")
    tell_access(
        office(
            partner.register_partner_client,
            name=name,
            contact=contact,
            purposes=purpose,
            district_codes=district,
            days=days,
            public_keys_json=published,
            contract_version=contract,
            points_per_minute=points_per_minute,
            points_per_day=points_per_day,
            rows_per_minute=rows_per_minute,
            rows_per_day=rows_per_day,
        )
    )


@partner_cli.command("rotate")
def partner_rotate(
    client_id: Client,
    overlap_hours: Annotated[
        int, typer.Option(help="How long the secret it has goes on; 0 after a leak.")
    ] = partner.OVERLAP_HOURS,
) -> None:
    """Give a client a new secret, shown this once; the one it has goes on for a while.

    python server.py partner rotate pc_…
    """
    tell_access(
        office(partner.rotate_partner_secret, client_id=client_id, overlap_hours=overlap_hours)
    )


@partner_cli.command("suspend")
def partner_suspend(client_id: Client, reason: Reason) -> None:
    """Stop a client within 5 seconds, until it is resumed.

    python server.py partner suspend pc_… --reason "Asked for more than was agreed"
    """
    office(partner.suspend_partner_client, client_id=client_id, reason=reason)


@partner_cli.command("resume")
def partner_resume(client_id: Client) -> None:
    """Let a suspended client go on.

    python server.py partner resume pc_…
    """
    office(partner.resume_partner_client, client_id=client_id)


@partner_cli.command("revoke")
def partner_revoke(client_id: Client, reason: Reason = "The access has ended.") -> None:
    """End a client's access for good; tokens it has stop within 5 seconds.

    python server.py partner revoke pc_…
    """
    office(partner.revoke_partner_client, client_id=client_id, reason=reason)


@partner_cli.command("usage")
def partner_usage(
    client_id: Client,
    days: Annotated[int, typer.Option(min=1, help="Looking so far back.")] = 31,
) -> None:
    """Print what a client has used up, the latest day first.

    python server.py partner usage pc_…
    """
    client, used = office(partner.used_by, client_id=client_id, days=days)
    shown = Table(title=client.name, box=None, padding=(0, 2))
    for column in ("day", "requests", "refused", "points", "rows read"):
        shown.add_column(column, justify="left" if column == "day" else "right")
    for day in used:
        figures = (day.requests, day.refused, day.points, day.rows_read)
        shown.add_row(f"{day.day}", *(f"{figure:,}" for figure in figures))
    limits = f"a day: {client.points_per_day:,} points, {client.rows_per_day:,} rows"
    Console(highlight=False).print(shown, limits)


def tell_access(access: partner.Registered) -> None:
    typer.echo(f"client_id      {access.client_id}")
    if access.secret:
        typer.echo(f"client_secret  {access.secret}")


def office(command: Callable[..., Awaitable[T]], **given: Any) -> T:
    """What comes of a command that the state's office sends here rather than by GraphQL."""
    try:
        return in_transaction(command, **given)
    except Refusal as refusal:
        fail(refusal.message(Language.EN))
    except NotFound as error:
        if (error.extensions or {}).get("argument") == "clientId":
            fail(f"There is no client {given['client_id']}.")
        fail("No district of the state has one of these LGD codes.")
    except BadInput as error:
        fail(error.message)


def in_transaction(act: Callable[..., Awaitable[T]], **given: Any) -> T:
    """What comes of it, in a transaction of its own."""
    # Nothing is signed here, so nothing is asked of the keys.
    settings = replace(the_settings(), signing_keys=None)

    async def run(url: str) -> T:
        chosen = replace(settings, database_url=url)
        async with process_of(chosen) as process, transaction(process) as tx:
            done = await act(tx, **given)
            await tx.sign_as_system(act.__name__)
            return done

    with a_usable_database(settings) as url:
        return asyncio.run(run(url))


@schema_cli.command("print")
def sdl_print() -> None:
    """Print the schema."""
    typer.echo(sdl.current(), nl=False)


@schema_cli.command("write")
def sdl_write() -> None:
    """Write the schema, and those of the subgraphs, to their files in schema/sdl."""
    sdl.write()


@schema_cli.command("check")
def sdl_check() -> None:
    """Fail if the files in schema/sdl are not the schema, or if systems that were promised a
    contract would break."""
    if changes := sdl.broken_contracts():
        typer.echo("\n".join(changes))
        fail("Systems of partners would break: keep it until a later version of the contract.")
    if changes := sdl.check():
        typer.echo("\n".join(changes))
        fail("schema/sdl is out of date: run `make sdl` and `make compose`, and commit it.")


def the_settings() -> Settings:
    try:
        settings = Settings.read()
    except ValueError as error:
        fail(str(error))
    log.configure(settings.log_format, settings.log_level)
    return settings


def refuse_missing(settings: Settings, parts: tuple[str, ...] = ()) -> None:
    if told := missing(settings, parts):
        fail("\n".join(told))


def refuse_unsafe(settings: Settings) -> None:
    """What must not be left to chance where people are real, and what cannot work anywhere."""
    if settings.otel_exporter_otlp_endpoint and find_spec("opentelemetry") is None:
        fail(
            "OTEL_EXPORTER_OTLP_ENDPOINT takes more packages: `pip install --no-deps -r"
            " requirements/tracing.txt`."
        )
    if settings.signing_keys:
        try:
            keys_in(Path(settings.signing_keys))
        except NoKeys as error:
            fail(f"SIGNING_KEYS: {error}")
    if settings.webhook_key is not None and len(settings.webhook_key) < LEAST_SECRET:
        fail(f"WEBHOOK_KEY has fewer than {LEAST_SECRET} characters.")
    issuer = settings.oidc_issuer or "https://"
    if not settings.development and not issuer.startswith("https://"):
        fail("OIDC_ISSUER must be an https:// address where DEVELOPMENT is false.")
    for origin in settings.origins:
        if not ORIGIN.fullmatch(origin):
            fail(f"CORS_ORIGINS: {origin} is no origin such as https://sewamitra.up.gov.in.")
    try:
        limits_of(settings, None)
        only_trusted(settings)
        claim_names(settings.oidc_claims)
    except ValueError as error:
        fail(str(error))


def refuse_paths(settings: Settings) -> None:
    """Before anything is started: files that are not there, folders that cannot be."""
    for name in ("documents", "supergraph", "partners"):
        path = getattr(settings, name)
        if path and not Path(path).exists():
            fail(f"{name.upper()}: there is no {path}.")
    if not re.match("s3://|[^:]*$", settings.export_store or ""):
        fail("EXPORT_STORE must be a folder, or an address such as s3://bucket/exports.")
    for name in ("data_dir", "storage_dir"):
        path = getattr(settings, name)
        try:
            if path:
                Path(path).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            fail(f"{name.upper()}: {path} cannot be made ({error.strerror}).")


def refuse_open_subgraph(settings: Settings, parts: tuple[str, ...]) -> None:
    if unknown := set(parts) - set(SUBGRAPHS):
        fail(f"There is no subgraph {min(unknown)}: choose of {', '.join(SUBGRAPHS)}.")
    try:
        secrets_in(settings.gateway_secrets or "")
    except ValueError as error:
        fail(str(error))


def tell_accounts(accounts: list[tuple[str, str]]) -> None:
    """How to become whom, for whoever tries things out."""
    if not accounts:
        return
    shown = Table("become", "role", "by sending", box=None, pad_edge=False, padding=(0, 2))
    order = list(Role)
    for name, role in sorted(accounts, key=lambda account: order.index(Role(account[1]))):
        shown.add_row(name, role, f"Authorization: Bearer {DEMO}{name}")
    console.print("\nDemo accounts; the examples in the IDE carry them:\n")
    console.print(Padding(shown, (0, 0, 0, 2)))


def folder_of(settings: Settings) -> Path:
    return Path(settings.data_dir) if settings.data_dir else default_folder(CHECKOUT)


@contextmanager
def a_database(settings: Settings) -> Iterator[str]:
    """The URL to use: DATABASE_URL's if it answers, else the embedded server's."""
    if settings.database_url is None:
        with embedded_postgres(folder_of(settings)) as url:
            yield url
        return
    try:
        asyncio.run(reach(settings.database_url))
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        fail(f"DATABASE_URL cannot be reached: {error}")
    yield settings.database_url


@contextmanager
def a_usable_database(settings: Settings, *, migrating: bool = False) -> Iterator[str]:
    """The URL of one that has what this release needs. Where that is nobody's but a developer's it
    is migrated, and an embedded one of demo data that cannot be is moved aside and made anew."""
    migrating = migrating or settings.migrates
    with ExitStack() as stack:
        url = stack.enter_context(a_database(settings))
        try:
            asyncio.run(prepare(url, migrating))
        except NotMigrated as error:
            if not (isinstance(error, Outdated) and settings.is_demo):
                fail(str(error))
            stack.close()
            url = begun_anew(settings, stack, error)
        yield url


async def prepare(url: str, migrating: bool) -> None:
    if migrating:
        await migrate(url)
    await catalogue.require(url)


def begun_anew(settings: Settings, stack: ExitStack, reason: Outdated) -> str:
    folder = folder_of(settings)
    try:
        aside = set_aside(folder)
    except InUse:
        fail(
            f"{reason} Its data could be moved aside, but another process uses them: end it first."
        )
    try:
        url = stack.enter_context(a_database(settings))
        asyncio.run(prepare(url, True))
    except NotMigrated as error:
        # Then it is not for the data's sake.
        stack.close()
        put_back(folder, aside)
        fail(str(error))
    console.print(f"{reason}\nSo the demo data were moved to {aside}, and are made anew.")
    return url


async def reach(url: str) -> None:
    database = Database(url, pool_size=1)
    try:
        await database.ping()
    finally:
        await database.close()


def refuse_taken_port(settings: Settings) -> None:
    with socket.socket(serving.family_of(settings)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                fail(f"HOST: {settings.host} is no address of this machine.")
            fail(
                f"{settings.host}:{settings.port} cannot be served on ({error.strerror})."
                f" Choose another port: PORT={settings.port + 1}"
            )


def fill(url: str, profile: str, *, seed: int, workers: int | None, as_of: datetime | None) -> None:
    """Load reference and demo data, with a bar that moves."""
    if profile not in demo.PROFILES:
        fail(f"There is no profile {profile}: choose one of {', '.join(demo.PROFILES)}.")
    chosen = demo.PROFILES[profile]
    if workers is not None:
        chosen = chosen.sized(workers)
    day = as_of and as_of.replace(tzinfo=ZoneInfo(INDIA))
    with Progress(
        TextColumn("{task.description:<14}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as bars:
        tasks: dict[str, Any] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        asyncio.run(reference.load(url))
        try:
            asyncio.run(demo.seed(url, chosen, seed=seed, as_of=day, progress=progress))
        except demo.NoDayLeft as error:
            fail(str(error))


def fail(message: str) -> NoReturn:
    """End with one sentence instead of a traceback."""
    console.print(message, style="red", soft_wrap=True)
    raise typer.Exit(1)


if __name__ == "__main__":
    end_when_told()
    cli()
