"""What keeps content and lets it go, composed."""

import time
from dataclasses import dataclass
from functools import partial

import structlog

from moorage.app.stores import Store
from moorage.blobstore.room import room_at
from moorage.domain.access import Caller
from moorage.metastore.catalog import CatalogTable
from moorage.metastore.cleanups import CleanupTable
from moorage.metastore.leases import granted
from moorage.metastore.leftovers import StrayTable
from moorage.metastore.letting_go import RetentionTable
from moorage.metastore.pins import ImagePullTable, PinTable
from moorage.metastore.registry_trash import RegistryTrashTable
from moorage.metastore.repair import RepairTable
from moorage.metastore.retention import RetentionRuleTable
from moorage.metastore.retention_line import RetentionLineTable
from moorage.metastore.retention_runs import RetentionRunTable
from moorage.metastore.rounds import RoundTable
from moorage.metastore.run_trash import RunTrashTable
from moorage.metastore.steps import Database
from moorage.metastore.trash import TrashTable
from moorage.metastore.uploads import UploadTable
from moorage.metastore.usage import RegistryUsageTable, ServerUsageTable
from moorage.metastore.verify import ContentsTable, DamageTable
from moorage.services.access import Access
from moorage.services.cleanup import CleanupService
from moorage.services.disk import DiskService
from moorage.services.image_pulls import ImagePullService
from moorage.services.leftovers import LeftoverService
from moorage.services.letting_go import LettingGoService
from moorage.services.pins import PinService
from moorage.services.registry_trash import RegistryTrashService
from moorage.services.repair import RepairParts, RepairService
from moorage.services.retention import RetentionService
from moorage.services.retention_runs import RetentionRunService
from moorage.services.run_trash import RunTrashService
from moorage.services.server_quota import ServerQuotaService
from moorage.services.sound import SoundBlobs
from moorage.services.trash import TrashService
from moorage.services.usage_ports import RegistryUsages
from moorage.services.verify import Parts, VerifyService
from moorage.services.verify_reading import Found, Reader
from moorage.settings import Settings
from moorage.settings.storage import BucketAddress

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Keeping:
    """The use cases of keeping and letting go."""

    verify: VerifyService
    repair: RepairService
    image_pulls: ImagePullService
    leftovers: LeftoverService
    letting_go: LettingGoService
    pins: PinService
    retention: RetentionService
    retention_runs: RetentionRunService
    run_trash: RunTrashService
    sound: SoundBlobs
    server_quota: ServerQuotaService
    cleanup: CleanupService
    disk: DiskService
    usages: RegistryUsages
    trash: TrashService
    registry_trash: RegistryTrashService


def keeping_of(settings: Settings, database: Database, store: Store, access: Access, system: Caller) -> Keeping:
    """Build them over a database and a store; `system` is who does what nobody asked for."""
    parts = Parts(ContentsTable(database), DamageTable(database), RoundTable(database), store)
    lease = granted(settings.lease)
    mended = RepairParts(
        parts.contents, parts.damages, RepairTable(database, lease), UploadTable(database, lease), store, store
    )
    rules, retention, runs = RetentionRuleTable(database), RetentionTable(database), RetentionRunTable(database)
    letting_go = LettingGoService(rules, RetentionLineTable(database), retention, runs, system)
    return Keeping(
        verify=VerifyService(parts, access, system, settings.verify_days),
        repair=RepairService(mended, access),
        image_pulls=ImagePullService(ImagePullTable(database)),
        leftovers=LeftoverService(store, StrayTable(database), access, lease),
        letting_go=letting_go,
        pins=PinService(PinTable(database), access),
        retention=RetentionService(rules, retention, access),
        retention_runs=RetentionRunService(runs, letting_go, access),
        run_trash=RunTrashService(RunTrashTable(database), access),
        sound=SoundBlobs(Reader(parts.contents, parts.damages, store, system, time.time), tell_of_damage),
        server_quota=ServerQuotaService(ServerUsageTable(database), settings.quota, access),
        cleanup=CleanupService(CleanupTable(database), settings.collect_every, access),
        disk=disk_of(settings, access),
        usages=RegistryUsageTable(database),
        trash=TrashService(TrashTable(database), CatalogTable(database), access),
        registry_trash=RegistryTrashService(RegistryTrashTable(database), CatalogTable(database), access),
    )


def disk_of(settings: Settings, access: Access) -> DiskService:
    """Return who knows what room there is where blobs are kept."""
    blobs = settings.blobs
    if isinstance(blobs, BucketAddress):
        return DiskService(f"s3://{blobs.name}/{blobs.prefix}".rstrip("/"), None, access)
    return DiskService(str(blobs.absolute()), partial(room_at, blobs), access)


def tell_of_damage(found: Found) -> None:
    """Log what was found damaged."""
    log.error("content is damaged", content=found.content, fault=found.fault.value, reason=found.fault.sentence)
