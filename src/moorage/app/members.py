"""What runs in the processes of a server: all of it in one, or in one of several.

`process.py` imports this where it is needed: a process that only looks after others is spared the memory.
"""

import asyncio

from moorage.app import worker
from moorage.app.services import Services, open_services
from moorage.app.welcome import Welcome
from moorage.settings import Settings
from moorage.tls import CertificatePaths


async def run_alone(settings: Settings, certificates: CertificatePaths | None) -> None:
    """Run as the only process, until told to stop."""
    stopping = asyncio.Event()
    async with open_services(settings) as services:
        worker.install_signals(stopping.set)
        await _welcome(settings, services)
        await worker.run(settings, services, certificates, 0, stopping)


async def prepare(settings: Settings) -> None:
    """Make the tables and the first account before several processes would."""
    async with open_services(settings) as services:
        await _welcome(settings, services)


async def run_beside(settings: Settings, certificates: CertificatePaths | None, number: int, parent: int) -> None:
    """Run as one of several, until told to stop or left alone by the process `parent` (what ends with it)."""
    stopping = asyncio.Event()
    worker.install_signals(stopping.set)
    asyncio.get_running_loop().add_reader(parent, stopping.set)
    async with open_services(settings) as services:
        await worker.run(settings, services, certificates, number, stopping)


async def _welcome(settings: Settings, services: Services) -> None:
    given = settings.admin_password.get_secret_value() if settings.admin_password else None
    Welcome(settings).say(await services.accounts.ensure_admin(given))
