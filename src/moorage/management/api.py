"""The management API put together: the tables of all nouns, behind one gate, with one writer of errors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp

from moorage.management.access import AccessRoutes
from moorage.management.activity import ActivityRoutes
from moorage.management.conditions import gives_etag, takes_condition
from moorage.management.deleted_registries import DeletedRegistryRoutes
from moorage.management.documentation import PERMISSION, Documentation, answers, describe
from moorage.management.errors import HANDLERS
from moorage.management.front import Front
from moorage.management.grants import GrantRoutes
from moorage.management.groups import GroupRoutes
from moorage.management.identities import IdentityRoutes
from moorage.management.keys import KeyRoutes
from moorage.management.pins import PinRoutes
from moorage.management.registries import RegistryRoutes
from moorage.management.repositories import RepositoryRoutes
from moorage.management.retention import RetentionRoutes
from moorage.management.retention_runs import RetentionRunRoutes
from moorage.management.robots import RobotRoutes
from moorage.management.routes import PREFIX, Callers, Csrf, Gate, Route
from moorage.management.storage import StorageParts, StorageRoutes
from moorage.management.tags import TagRoutes
from moorage.management.tokens import TokenRoutes
from moorage.management.trash import TrashRoutes
from moorage.management.users import UserRoutes
from moorage.management.verification import VerificationRoutes
from moorage.services.access import Access, AccessService
from moorage.services.access_tokens import AccessTokenService
from moorage.services.accounts import AccountService
from moorage.services.activity import ActivityService
from moorage.services.catalog import CatalogService
from moorage.services.cleanup import CleanupService
from moorage.services.collect import CollectService
from moorage.services.directories import DirectoryService
from moorage.services.disk import DiskService
from moorage.services.grants import GrantService
from moorage.services.groups import GroupService
from moorage.services.keys import KeyService
from moorage.services.pins import PinService
from moorage.services.registries import RegistryService
from moorage.services.registry_trash import RegistryTrashService
from moorage.services.repair import RepairService
from moorage.services.retention import RetentionService
from moorage.services.retention_runs import RetentionRunService
from moorage.services.robots import RobotService
from moorage.services.run_trash import RunTrashService
from moorage.services.server_quota import ServerQuotaService
from moorage.services.tags import TagService
from moorage.services.trash import TrashService
from moorage.services.verify import VerifyService


@dataclass(frozen=True, slots=True)
class ManagementServices:
    """The use cases that the API offers."""

    access: Access
    access_tokens: AccessTokenService
    accounts: AccountService
    activity: ActivityService
    catalog: CatalogService
    cleanup: CleanupService
    collect: CollectService
    disk: DiskService
    directories: DirectoryService
    explanations: AccessService
    grants: GrantService
    groups: GroupService
    keys: KeyService
    pins: PinService
    registries: RegistryService
    repair: RepairService
    retention: RetentionService
    retention_runs: RetentionRunService
    run_trash: RunTrashService
    robots: RobotService
    server_quota: ServerQuotaService
    tags: TagService
    verify: VerifyService
    trash: TrashService
    registry_trash: RegistryTrashService


def tables(services: ManagementServices) -> Mapping[str, tuple[Route, ...]]:
    """Return every route, by noun."""
    return {
        "registries": RegistryRoutes(services.registries).rows(),
        "grants": GrantRoutes(services.grants).rows(),
        "groups": GroupRoutes(services.groups).rows(),
        "access": AccessRoutes(services.explanations).rows(),
        "retention": (
            *RetentionRoutes(services.retention).rows(),
            *RetentionRunRoutes(services.retention_runs, services.run_trash).rows(),
        ),
        "pins": PinRoutes(services.pins).rows(),
        "deleted": (
            *TrashRoutes(services.trash, services.registries).rows(),
            *DeletedRegistryRoutes(services.registry_trash).rows(),
        ),
        "repositories": (*TagRoutes(services.tags).rows(), *RepositoryRoutes(services.catalog).rows()),
        "users": (*UserRoutes(services.accounts).rows(), *IdentityRoutes(services.directories).rows()),
        "robots": RobotRoutes(services.robots).rows(),
        "tokens": TokenRoutes(services.access_tokens, services.robots).rows(),
        "keys": KeyRoutes(services.keys).rows(),
        "activity": ActivityRoutes(services.activity).rows(),
        "storage": (
            *StorageRoutes(
                services.collect,
                services.server_quota,
                StorageParts(services.disk, services.cleanup, services.registries),
            ).rows(),
            *VerificationRoutes(services.verify, services.repair).rows(),
        ),
    }


def build(
    services: ManagementServices, callers: Callers, version: str, *, csrf: Csrf, asset: Callable[[str], str]
) -> ASGIApp:
    """Return the application for all of `/api`; `asset` gives the address of a static file of the web interface."""
    gate = Gate(services.access, callers, csrf)
    app = FastAPI(openapi_url=None, redirect_slashes=False, exception_handlers=dict(HANDLERS))
    for noun, rows in tables(services).items():
        for row in rows:
            app.add_api_route(
                PREFIX + row.path,
                row.handler,
                methods=[row.method],
                name=row.handler.__name__,
                operation_id=row.handler.__name__,
                status_code=row.status,
                response_class=row.response_class,
                tags=[noun],
                dependencies=[Depends(gate.before(row.action, has_condition=takes_condition(row.handler)))],
                responses=answers(row.method, row.status, has_etag=gives_etag(row.handler)),
                openapi_extra={PERMISSION: row.action.value},
            )
    documentation = Documentation(describe(app.routes, version), asset)
    app.add_route(PREFIX + "/openapi.json", documentation.document, include_in_schema=False)
    app.add_route("/api/docs", documentation.page, include_in_schema=False)
    return Front(app)
