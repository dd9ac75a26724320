"""What a start says to the person who made it."""

import socket
from urllib.parse import urlsplit

from moorage import __version__
from moorage.settings import Settings


class Welcome:
    """The first start's lines, ready to be copied, and the one line of every later start."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def host(self) -> str:
        """The name under which images are pushed to this server from where it runs, with its port."""
        settings = self._settings
        if settings.external_url is not None:
            return urlsplit(settings.external_url).netloc
        name = settings.host_names[0] if settings.host_names else "localhost"
        door = settings.https or settings.http
        return f"{name}:{door.port}" if door else name

    @property
    def page(self) -> str:
        """The address of the web page."""
        if self._settings.external_url is not None:
            return self._settings.external_url
        return f"{'https' if self._settings.https else 'http'}://{self.host}"

    def say(self, password: str | None) -> None:
        """Print; `password` is that of the account `admin` if this start has just made it up."""
        print(f"Moorage {__version__} at {self.page}", flush=True)  # noqa: T201  the command's output
        if password is not None:
            print(self._first(password), flush=True)  # noqa: T201

    def _first(self, password: str) -> str:
        host = self.host
        lines = [
            "",
            f"  Sign in as admin with the password {password}",
            "  It is shown this once.",
            "",
            f"    docker login {host} -u admin",
            f"    docker tag ubuntu:trusty {host}/dmc/ubuntu:trusty",
            f"    docker push {host}/dmc/ubuntu:trusty",
            "",
        ]
        if host.startswith("localhost:"):
            lines += [
                f"  From other machines it is {socket.gethostname()}:{host.rpartition(':')[2]};",
                "  there, `moorage trust` lets clients trust this server's certificate.",
                "",
            ]
        return "\n".join(lines)
