"""One process that answers requests: everything put together, from opening the data folder to the last request."""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from moorage import __version__
from moorage.app.doors import BUFFER, SMALL_BUFFER, Certificate, Door
from moorage.app.keeping import tell_of_damage
from moorage.app.later import Application, Later
from moorage.app.line import Line
from moorage.app.proxies import BehindProxies
from moorage.app.services import Services
from moorage.app.web import Web
from moorage.auth.challenge import Challenger
from moorage.distribution.blobs import BlobHandlers
from moorage.distribution.catalog import CatalogHandlers
from moorage.distribution.foresight import Foresight
from moorage.distribution.manifests import ManifestHandlers
from moorage.distribution.routes import DistributionApi, table
from moorage.distribution.token import TokenHandlers
from moorage.distribution.uploads import UploadHandlers
from moorage.domain.access import ANONYMOUS, Caller
from moorage.domain.quota import Allowance, Level
from moorage.domain.room import Room
from moorage.jobs.daily import LOOK_EVERY, Daily
from moorage.jobs.flush import flush_all, flush_every
from moorage.jobs.flusher import SECONDS, Flusher
from moorage.jobs.quotas import QuotaWatcher, ServerQuotaWatcher
from moorage.jobs.runner import Job, Runner
from moorage.jobs.space import SpaceWatcher
from moorage.jobs.verification import LOOK_SECONDS, WATCH_SECONDS, Verifier, Watcher
from moorage.metastore.leases import tick_of
from moorage.services.records import Session
from moorage.services.storage_records import Collected
from moorage.settings import Settings
from moorage.settings.storage import BucketAddress
from moorage.telemetry import Front, Metrics, RequestIds, configure
from moorage.tls import CertificatePaths, TlsError, ensure_certificates

if TYPE_CHECKING:
    from starlette.requests import Request

log = structlog.get_logger()

HOUR = 3600
DAY = 86400
RUN_SECONDS = 1.0
"""How often is looked whether somebody has asked for a run of retention."""

FLUSH_SECONDS = 60
"""How long what was counted in memory may be lost with the process."""


async def run(
    settings: Settings,
    services: Services,
    certificates: CertificatePaths | None,
    number: int,
    stopping: asyncio.Event,
) -> None:
    """Answer requests as worker `number` until `stopping` is set, then finish those under way.

    Raises PortTaken when a door can't open.
    """
    request_log = configure(settings.log_level, settings.log_format)
    metrics = Metrics(settings.data / "metrics" if settings.workers > 1 else None)
    authority = certificates.ca_crt if certificates and settings.tls_cert is None else None
    web = build(settings, services, metrics, authority)
    front = Front(web, request_log, RequestIds(), metrics, services.tally.refused)
    behind = BehindProxies(front, settings.trusted_proxies) if settings.trusted_proxies else front
    outer = Line(behind, services.callers.knows)
    doors = [asyncio.create_task(door.run()) for door in _doors(settings, outer, certificates)]
    flusher = Flusher(services.activity, _failed)
    pulls = (services.keeping.image_pulls.flush,)
    jobs = [asyncio.create_task(flusher.run()), *(_jobs(settings, services) if number == 0 else ())]
    flushes = (services.access_tokens.flush,)
    jobs += [asyncio.create_task(flush_every(FLUSH_SECONDS, flushes, _failed))]
    if number == 0:
        watcher = Watcher(services.keeping.verify, metrics.verification)
        quotas = QuotaWatcher(services.keeping.usages, metrics.quotas, _nearly_full)
        server = ServerQuotaWatcher(services.keeping.server_quota.look, metrics.server_quota, _server_nearly_full)
        space = SpaceWatcher(services.keeping.disk.room, services.keeping.cleanup.ended_at, metrics.space, _short)
        watches = (watcher.watch, quotas.watch, server.watch, space.watch)
        jobs += [asyncio.create_task(flush_every(WATCH_SECONDS, watches, _failed))]
    jobs += [asyncio.create_task(flush_every(SECONDS, pulls, _failed))]
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait([stop, *doors], return_when=asyncio.FIRST_COMPLETED)
    for task in (stop, *jobs):
        task.cancel()
    await _drain(doors, settings.drain)
    await flusher.end()
    await flush_all((*flushes, *pulls), _failed)
    metrics.settle()
    request_log.close()


def build(settings: Settings, services: Services, metrics: Metrics, authority: Path | None) -> Web:
    """Put the server together as one ASGI application; `authority` is what clients must trust, if it is our own."""
    return Web(
        distribution(settings, services),
        Later(lambda: management(settings, services)),
        Later(lambda: ui(settings, services, has_authority=authority is not None)),
        services.health,
        metrics,
        authority,
    )


def distribution(settings: Settings, services: Services) -> DistributionApi:
    """Return what answers `/v2/` and `/token`."""
    routes = table(
        UploadHandlers(services.uploads, services.blobs, services.registries, services.access),
        BlobHandlers(services.blobs, services.redirects),
        ManifestHandlers(services.manifests, services.tally, services.keeping.image_pulls, services.access),
        CatalogHandlers(services.catalog),
        TokenHandlers(services.issuer, services.access),
    )
    # A database in a file is read inline: there is nothing to save.
    foresight = Foresight(services.callers, services.access) if settings.database_file is None else None
    callers = foresight or services.callers
    return DistributionApi(routes, callers, services.access, Challenger(settings.external_url), foresight)


def management(settings: Settings, services: Services, *, acting: Caller | None = None) -> Application:
    """Return what answers `/api`, to whoever asks or only to `acting`; imported here, since `Later` calls this."""
    from moorage.management import api  # noqa: PLC0415
    from moorage.ui.session import session_cookie  # noqa: PLC0415
    from moorage.ui.site import site_of  # noqa: PLC0415
    from moorage.ui.view import Assets  # noqa: PLC0415

    async def session_of(request: "Request") -> tuple[Caller, Session] | None:
        cookie = session_cookie(request, site_of(request, settings.external_url))
        return await services.accounts.session(cookie) if cookie else None

    async def caller_of(request: "Request") -> Caller:
        if acting is not None:
            return acting
        header = request.headers.get("authorization")
        if header is not None:
            address = request.client.host if request.client else ""
            return await services.callers.of(header.encode("latin-1"), time.time(), address=address)
        found = await session_of(request)
        return found[0] if found else ANONYMOUS

    async def csrf_of(request: "Request") -> str | None:
        found = None if "authorization" in request.headers else await session_of(request)
        return found[1].csrf if found else None

    parts = api.ManagementServices(
        access=services.access,
        access_tokens=services.access_tokens,
        accounts=services.accounts,
        activity=services.activity,
        catalog=services.catalog,
        cleanup=services.keeping.cleanup,
        collect=services.collect,
        disk=services.keeping.disk,
        directories=services.directories,
        explanations=services.explanations,
        grants=services.grants,
        groups=services.groups,
        keys=services.keys,
        retention_runs=services.keeping.retention_runs,
        run_trash=services.keeping.run_trash,
        pins=services.keeping.pins,
        registries=services.registries,
        retention=services.keeping.retention,
        server_quota=services.keeping.server_quota,
        robots=services.robots,
        tags=services.tags,
        repair=services.keeping.repair,
        verify=services.keeping.verify,
        trash=services.keeping.trash,
        registry_trash=services.keeping.registry_trash,
    )
    return api.build(parts, caller_of, __version__, csrf=csrf_of, asset=Assets().path)


def ui(settings: Settings, services: Services, *, has_authority: bool) -> Application:
    """Return what answers everything else: the pages; imported here, since `Later` calls this."""
    from moorage.ui import pages  # noqa: PLC0415
    from moorage.ui.visit import UiServices, UiSettings  # noqa: PLC0415

    parts = UiServices(
        access=services.access,
        accounts=services.accounts,
        registries=services.registries,
        catalog=services.catalog,
        manifests=services.manifests,
        tags=services.tags,
        immutable=services.immutable,
        elsewhere=services.elsewhere,
        verify=services.keeping.verify,
        retention=services.keeping.retention,
        retention_runs=services.keeping.retention_runs,
        run_trash=services.keeping.run_trash,
        server_quota=services.keeping.server_quota,
        retention_at=settings.retention_time,
        trash=services.keeping.trash,
        registry_trash=services.keeping.registry_trash,
        collect=services.collect,
        cleanup=services.keeping.cleanup,
        disk=services.keeping.disk,
    )
    room = services.keeping.disk.last
    return pages.build(parts, UiSettings(__version__, time.time, settings.external_url, has_authority, room))


def install_signals(stop: Callable[[], None]) -> None:
    """Let SIGTERM and SIGINT stop the server in good order."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _doors(settings: Settings, application: Application, certificates: CertificatePaths | None) -> list[Door]:
    doors: list[Door] = []
    buffer = SMALL_BUFFER if isinstance(settings.blobs, BucketAddress) else BUFFER
    if settings.https is not None and certificates is not None:
        certificate = Certificate(certificates.cert, certificates.key)
        doors.append(Door(application, settings.https, certificate, buffer))
    if settings.http is not None:
        doors.append(Door(application, settings.http, None, buffer))
    return doors


async def _drain(doors: list[asyncio.Task[None]], seconds: float) -> None:
    for door in doors:
        door.cancel()
    finished, unfinished = await asyncio.wait(doors, timeout=seconds)
    if unfinished:
        log.warning("requests were cut off", reason=f"they took longer than {seconds} s to finish")
    for door in finished:
        if not door.cancelled():
            door.result()


def _jobs(settings: Settings, services: Services) -> list[asyncio.Task[None]]:
    jobs = [asyncio.create_task(_runner(settings, services).run())]
    if settings.https is not None and settings.tls_cert is None:
        jobs.append(asyncio.create_task(_renew(settings)))
    return jobs


async def _renew(settings: Settings) -> None:
    """Sign our own certificate anew before it ends; the doors take it up as they take any new file."""
    while True:
        await asyncio.sleep(DAY)
        try:
            await asyncio.to_thread(ensure_certificates, settings.data / "tls", settings.host_names)
        except TlsError as error:
            log.error("the certificate could not be renewed", reason=str(error))  # noqa: TRY400  it says all there is


def _runner(settings: Settings, services: Services) -> Runner:
    def collected(found: Collected) -> None:
        log.info("collected", blobs=found.blobs, freed=found.freed, uploads=found.uploads)

    tick = tick_of(settings.lease)
    jobs = [
        Job(HOUR, lambda: services.tags.forget(time.time())),
        Job(LOOK_SECONDS, Verifier(services.keeping.verify, tell_of_damage).work),
        Job(RUN_SECONDS, services.keeping.retention_runs.work),
    ]
    if settings.retention_at is not None:
        daily = Daily(settings.retention_at, services.keeping.letting_go.ran_at, lambda: _let_go(services))
        jobs.append(Job(LOOK_EVERY, daily.look))
    return Runner(services.collect, tick, settings.collect_every, collected, _failed, services.duty, jobs)


async def _let_go(services: Services) -> None:
    run = await services.keeping.letting_go.run()
    tags, images, frees = run.total
    log.info("rules of retention ran", repositories=run.repositories, tags=tags, images=images, frees=frees)


def _nearly_full(address: str, allowance: Allowance) -> None:
    said = "a registry is full" if allowance.level is Level.FULL else "a registry is nearly full"
    log.warning(said, registry=address, used=allowance.used, quota=allowance.quota)


def _server_nearly_full(allowance: Allowance) -> None:
    said = "the server is full" if allowance.level is Level.FULL else "the server is nearly full"
    log.warning(said, used=allowance.used, quota=allowance.quota)


def _short(room: Room) -> None:
    log.warning("the disk is nearly full", free=room.free, total=room.total)


def _failed(error: Exception) -> None:
    log.error("a job failed", exc_info=error)
