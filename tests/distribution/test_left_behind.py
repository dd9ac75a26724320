"""What a tag leaves stays: an image is pulled by its digest when no tag points to it any more."""

from moorage.app.services import SYSTEM, Services
from moorage.domain.digest import Digest
from moorage.domain.history import How
from moorage.domain.name import Repository, Tag
from tests.distribution.conversation import Conversation

UBUNTU, LATEST = Repository("dmc", "ubuntu"), Tag("latest")


async def pulled(talk: Conversation, digest: Digest) -> list[int]:
    """Return how a pull by digest is answered, layers and all."""
    manifest = await talk.ask("GET", f"manifests/{digest}")
    layers = [layer["digest"] for layer in manifest.json().get("layers", ())]
    return [manifest.status_code, *[(await talk.ask("GET", f"blobs/{layer}")).status_code for layer in layers]]


async def test_an_image_is_pulled_by_digest_after_its_tag_has_moved_or_gone(
    talk: Conversation, services: Services
) -> None:
    first = await talk.push_image("latest", b"first")
    second = await talk.push_image("latest", b"second")
    assert (await talk.ask("GET", "manifests/latest")).headers["docker-content-digest"] == second
    assert await pulled(talk, first) == [200, 200]
    await services.tags.delete(SYSTEM, UBUNTU, LATEST)
    await services.collect.collect()
    assert (await talk.ask("GET", "manifests/latest")).status_code == 404
    assert await pulled(talk, first) == await pulled(talk, second) == [200, 200]
    await services.tags.point(SYSTEM, UBUNTU, LATEST, first, how=How.ROLLBACK)
    assert (await talk.ask("GET", "manifests/latest")).headers["docker-content-digest"] == first
