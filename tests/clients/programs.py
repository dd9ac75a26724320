"""Client programs, started as a shell starts them."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = 300
PATH = f"{Path.home()}/go/bin:{os.environ['PATH']}:/usr/local/go/bin:/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True)
class Program:
    """A program with its environment, and the arguments it always gets."""

    name: str
    environment: dict[str, str] = field(repr=False)
    always: tuple[str, ...] = ()

    def run(self, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run to the end, whatever comes of it."""
        return subprocess.run(
            [self.name, *self.always, *map(str, arguments)],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def __call__(self, *arguments: str | Path, stdin: str = "") -> str:
        """Run what must succeed; return what it printed for the next program."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"{self.name} {' '.join(map(str, arguments))}: {done.stderr}{done.stdout}"
        return done.stdout.strip()

    def refused(self, *arguments: str | Path, stdin: str = "") -> str:
        """Run what must fail; return what it tells the person."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode != 0, f"{self.name} {' '.join(map(str, arguments))} succeeded: {done.stdout}"
        return done.stderr + done.stdout


def environment(home: Path, authority: Path) -> dict[str, str]:
    """Return the environment of a person whose home is `home`, on a machine that trusts `authority` (a PEM file)."""
    return {
        "PATH": PATH,
        "HOME": str(home),
        "TMPDIR": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "DOCKER_CONFIG": str(home / ".docker"),
        "REGISTRY_AUTH_FILE": str(home / "auth.json"),
        # Programs written in Go read the machine's trusted authorities from here.
        "SSL_CERT_FILE": str(authority),
    }
