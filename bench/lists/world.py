"""A large server's database, made up: rows for every table, always the same.

One registry has two fifths of the repositories; its repository `big/monorepo` has half of all tags.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from moorage.domain.access import Role, Visibility
from moorage.domain.activity import Kind, Outcome
from moorage.domain.history import How
from moorage.domain.manifest import OCI_INDEX

Rows = Iterator[tuple[Any, ...]]

START = 1_700_000_000.0
"""Unix seconds of the first thing that happened."""

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json"

LARGE = 1
"""The id of the repository with half of all tags."""
SIGNED = 2
"""That of one whose image many signatures refer to."""
LARGE_PATH, SIGNED_PATH = "big/monorepo", "big/signed"
MOVED = "latest"
"""A tag of the large one that was moved all the time, and then deleted."""

FEW_TAGS = 5
FEW_IMAGES = 2
LAYERS = 200
"""Layers that images share, each registry its own."""

COLUMNS = {
    "registries": "id name address description visibility immutable_tags created_at created_by",
    "users": "id name password_hash is_admin is_disabled created_at kind registry_id password_expires_at",
    "groups": "id name directory external created_at",
    "group_members": "group_id user_id",
    "access_tokens": "id user_id name secret_hash actions patterns created_at created_by expires_at last_used_at",
    "grants": "id registry_id user_id group_id pattern role",
    "repositories": "id registry_id name description created_at pushed_at pushed_by pulls pushes last_pulled_at",
    "manifests": "id repository_id digest media_type artifact_type config_type is_index "
    "subject annotations platforms own_size body_size pushed_at pushed_by body",
    "edges": "repository_id source target",
    "tags": "repository_id name digest pushed_at pushed_by",
    "tag_moves": "id repository_id tag digest previous at by how",
    "blobs": "digest size place leased_until",
    "links": "repository_id digest size leased_until",
    "activity": "id at who address token kind target registry before after request_id outcome",
}
"""What a row of each table holds, in this order; all other columns have what they begin with."""

PATTERNS = 30
"""Grants of one account in one registry."""
READER, PATTERNED, OWNER, ADMIN, COLLECTOR = "reader", "patterned", "owner", "admin", "collector"
NAMED = (READER, PATTERNED, OWNER, ADMIN, COLLECTOR)
"""Accounts that are something in particular; the collector has many access tokens."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much there is."""

    repositories: int = 100_000
    tags: int = 1_000_000
    registries: int = 50
    moves: int = 100_000
    activity: int = 1_000_000
    people: int = 2_000
    groups: int = 200
    robots: int = 400
    grants: int = 3_000
    tokens: int = 5
    referrers: int = 5_000
    untagged: int = 1_000

    @property
    def tags_of_large(self) -> int:
        """Tags of the largest repository."""
        return self.tags - FEW_TAGS * (self.repositories - 1)

    @property
    def images_of_large(self) -> int:
        """Its images that have tags, two each."""
        return self.tags_of_large // 2


@dataclass(frozen=True, slots=True)
class Image:
    """An image, as far as the tables ask for it; a few are indexes of two others."""

    repository: int
    body: bytes
    config: str
    layer: str
    at: float
    subject: str | None = None
    children: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The digest of its bytes, which are compared with it when they are read."""
        return _digest(self.body)


class World:
    """The rows of each table, in the order of `COLUMNS`."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        self.tables: dict[str, Callable[[], Rows]] = {
            "registries": self._registries,
            "users": self._users,
            "groups": self._groups,
            "group_members": self._members,
            "access_tokens": self._tokens,
            "grants": self._grants,
            "repositories": self._repositories,
            "manifests": self._manifests,
            "edges": self._edges,
            "tags": self._tags,
            "tag_moves": self._moves,
            "blobs": self._blobs,
            "links": self._links,
            "activity": self._activity,
        }

    def address(self, repository: int) -> str:
        """Return the address of the registry that a repository is in."""
        return f"reg-{self.registry(repository) - 1:02d}"

    def registry(self, repository: int) -> int:
        """Return that registry's id."""
        first = self.scale.repositories * 2 // 5
        return 1 if repository <= first else 2 + repository % (self.scale.registries - 1)

    def path(self, repository: int) -> str:
        """Return a repository's name in its registry."""
        if repository in {LARGE, SIGNED}:
            return LARGE_PATH if repository == LARGE else SIGNED_PATH
        return f"team-{repository % 400:03d}/app-{repository:06d}"

    def images(self, repository: int) -> Iterator[Image]:
        """Return a repository's images, the oldest first."""
        count = self.scale.images_of_large if repository == LARGE else FEW_IMAGES
        for number in range(count):
            yield self._image(repository, number)
        if repository == LARGE:
            for number in range(self.scale.untagged):
                yield self._image(repository, -1 - number)
        if repository == SIGNED:
            subject = self._image(SIGNED, 0).digest
            for number in range(self.scale.referrers):
                yield replace(self._image(repository, count + number), subject=subject)

    def image(self, number: int) -> Image:
        """Return an image of the repository with half of all tags."""
        return self._image(LARGE, number)

    def tag(self, number: int) -> tuple[Any, ...]:
        """Return a tag's row there."""
        return self._tag(LARGE, number, self.scale.images_of_large)

    def moment(self, number: int) -> float:
        """Return when something happened, in Unix seconds."""
        return START + 20.0 * number

    def _image(self, repository: int, number: int) -> Image:
        has_children = repository == LARGE and number > 0 and number % 100 == 0
        children = tuple(self._image(repository, number - back).digest for back in (1, 2)) if has_children else ()
        config = _digest_of(f"config {repository} {number}")
        layer = _digest_of(f"layer {self.registry(repository)} {(repository + number) % LAYERS}")
        return Image(
            repository=repository,
            body=_body(config, layer, children),
            config=config,
            layer=layer,
            at=START + repository + 20.0 * number + 0.25,
            children=children,
        )

    def _every(self) -> Iterator[Image]:
        for repository in self._ids():
            yield from self.images(repository)

    def _ids(self) -> range:
        return range(1, self.scale.repositories + 1)

    def _registries(self) -> Rows:
        visible = {0: Visibility.INTERNAL, 1: Visibility.PUBLIC, 2: Visibility.PUBLIC}
        for number in range(self.scale.registries):
            visibility = visible.get(number % 10, Visibility.PRIVATE)
            name = f"reg-{number:02d}"
            yield number + 1, name.upper(), name, f"Images of department {number}", visibility.value, "", START, "admin"

    def _users(self) -> Rows:
        for number in range(self.scale.people):
            name = NAMED[number] if number < len(NAMED) else f"person-{number:05d}"
            yield 1000 + number, name, "", name == ADMIN, False, START, "person", None, None
        for number in range(self.scale.robots):
            registry = None if number % 2 else 1
            yield 100_000 + number, f"robot-{number:05d}", "", False, False, START, "robot", registry, None

    def _groups(self) -> Rows:
        for number in range(self.scale.groups):
            yield number + 1, f"group-{number:04d}", None, None, START

    def _members(self) -> Rows:
        for group in range(self.scale.groups):
            step = 1 if group == 0 else 40
            for number in range(len(NAMED), self.scale.people, step):
                yield group + 1, 1000 + number

    def _tokens(self) -> Rows:
        people = range(1000, 1000 + self.scale.people)
        robots = range(100_000, 100_000 + self.scale.robots)
        number = 0
        for user in (*people, *robots):
            for _ in range(200 if user == 1000 + NAMED.index(COLLECTOR) else self.scale.tokens):
                number += 1
                secret = _digest_of(f"token {number}")
                yield number, user, f"token-{number:06d}", secret, "pull", "*", START, "admin", None, None

    def _grants(self) -> Rows:
        reader, patterned, owner = (1000 + NAMED.index(name) for name in (READER, PATTERNED, OWNER))
        yield 1, 1, reader, None, "*", Role.READER.value
        yield 2, 1, owner, None, "*", Role.OWNER.value
        given = 3
        for number in range(PATTERNS):
            pattern = f"team-{number * 7:03d}/*" if number % 3 else f"*-{number:03d}1"
            yield given + number, 4, patterned, None, pattern, Role.READER.value
        given += PATTERNS
        for number in range(self.scale.grants):
            pattern = f"team-{number % 400:03d}/*"
            user = None if number % 10 == 0 else 1000 + len(NAMED) + number % (self.scale.people - len(NAMED))
            group = 1 + number // 10 % self.scale.groups if number % 10 == 0 else None
            yield given + number, 1 + number // 2000, user, group, pattern, Role.WRITER.value

    def _repositories(self) -> Rows:
        for number in self._ids():
            name = f"{self.address(number)}/{self.path(number)}"
            at = START + number
            yield number, self.registry(number), name, f"What {number} does", at, at + 900, "person-00007", 7, 5, None

    def _manifests(self) -> Rows:
        for number, image in enumerate(self._every()):
            is_index = bool(image.children)
            body = image.body
            kind = OCI_INDEX if is_index else MANIFEST
            artifact = SIGNATURE if image.subject else None
            platforms = "linux/amd64,linux/arm64" if is_index else "linux/amd64"
            config = None if is_index else CONFIG
            size = 3_000_000 + number % 1000
            head = (number + 1, image.repository, image.digest, kind, artifact, config, is_index, image.subject)
            yield *head, "{}", platforms, size, len(body), image.at, "person-00007", body

    def _edges(self) -> Rows:
        for image in self._every():
            for target in image.children or (image.config, image.layer):
                yield image.repository, image.digest, target

    def _tags(self) -> Rows:
        for repository in self._ids():
            count = self.scale.tags_of_large if repository == LARGE else FEW_TAGS
            images = self.scale.images_of_large if repository == LARGE else FEW_IMAGES
            for number in range(count):
                yield self._tag(repository, number, images)

    def _tag(self, repository: int, number: int, images: int) -> tuple[Any, ...]:
        name = f"build-{number:07d}" if number >= images else f"v{number // 10000}.{number % 10000}.0"
        at = START + repository + 10.0 * number + 0.5
        return repository, name, self._image(repository, number % images).digest, at, "person-00007"

    def _moves(self) -> Rows:
        previous = None
        for number in range(self.scale.moves):
            digest = self._image(LARGE, number % self.scale.images_of_large).digest
            yield number + 1, LARGE, MOVED, digest, previous, self.moment(number), "person-00007", How.PUSH.value
            previous = digest

    def _blobs(self) -> Rows:
        for registry in range(1, self.scale.registries + 1):
            for layer in range(LAYERS):
                yield _digest_of(f"layer {registry} {layer}"), 3_000_000, None, None
        for image in self._every():
            if not image.children:
                yield image.config, 4_000, None, None

    def _links(self) -> Rows:
        for repository in self._ids():
            layers: dict[str, None] = {}
            for image in self.images(repository):
                if not image.children:
                    yield repository, image.config, 4_000, None
                    layers[image.layer] = None
            for layer in layers:
                yield repository, layer, 3_000_000, None

    def _activity(self) -> Rows:
        kinds = (Kind.PUSH_IMAGE, Kind.MOVE_TAG, Kind.SIGN_IN, Kind.ACCESS, Kind.DELETE_TAG)
        for number in range(self.scale.activity):
            repository = 1 + number % self.scale.repositories
            address = self.address(repository)
            kind = kinds[number % len(kinds)]
            target = f"{address}/{self.path(repository)}"
            outcome = Outcome.REFUSED if kind is Kind.ACCESS else Outcome.DONE
            who = f"person-{len(NAMED) + number % (self.scale.people - len(NAMED)):05d}"
            head = (number + 1, self.moment(number), who, f"10.0.{number % 7}.{number % 250}", "")
            yield *head, kind.value, target, address, None, '{"size":3000000}', f"{number:016x}", outcome.value


def _digest_of(text: str) -> str:
    return _digest(text.encode())


def _digest(content: bytes) -> str:
    return "sha256:" + sha256(content).hexdigest()


def _body(config: str, layer: str, children: tuple[str, ...]) -> bytes:
    if children:
        described = [{"mediaType": MANIFEST, "digest": child, "size": 400} for child in children]
        return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": described}).encode()
    of_config = {"mediaType": CONFIG, "digest": config, "size": 4_000}
    of_layer = {"mediaType": LAYER, "digest": layer, "size": 3_000_000}
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": of_config, "layers": [of_layer]}
    return json.dumps(document).encode()
