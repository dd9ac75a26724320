"""The catalog, the version check, and Docker's search of version 1, all filtered by what the caller may read."""

from moorage.distribution.http import Answer, Request, json_answer, page_size
from moorage.distribution.manifests import next_page
from moorage.domain.access import CATALOG, Action
from moorage.domain.errors import ErrorCode, MoorageError
from moorage.services.catalog import CatalogService

LARGEST_PAGE = 10_000
SEARCH_PAGE = 25
LARGEST_SEARCH = 100


class CatalogHandlers:
    """Requests that name no repository."""

    def __init__(self, catalog: CatalogService) -> None:
        self._catalog = catalog

    async def version(self, request: Request) -> Answer:
        """`/v2/`: 401 to whoever shows no credentials, even where all is public, else docker would never send any."""
        if b"authorization" not in request.headers:
            raise MoorageError(ErrorCode.UNAUTHORIZED)
        return json_answer(200, {})

    async def names(self, request: Request) -> Answer:
        """List repositories in byte order."""
        scope = request.caller.scope
        if b"authorization" not in request.headers or (scope is not None and CATALOG not in scope.granted):
            raise MoorageError(ErrorCode.UNAUTHORIZED)
        limit = page_size(request.parameter("n"), LARGEST_PAGE)
        size = LARGEST_PAGE if limit is None else limit
        names = await self._catalog.names(request.caller, request.parameter("last") or "", size + 1)
        headers = next_page("/v2/_catalog", names, size)
        return json_answer(200, {"repositories": list(names[:size])}, headers)

    async def ping(self, _request: Request) -> Answer:
        """`/v1/_ping`: `docker search` asks here first."""
        return json_answer(200, {})

    async def search(self, request: Request) -> Answer:
        """`/v1/search`: repositories whose name contains the words."""
        words = (request.parameter("q") or "").lower()
        limit = page_size(request.parameter("n"), LARGEST_SEARCH) or SEARCH_PAGE
        scope = request.caller.scope
        if scope is None or CATALOG in scope.granted:
            found = await self._catalog.names(request.caller, "", limit, words=words)
        else:
            names = await self._catalog.names(request.caller, "", LARGEST_PAGE, words=words)
            found = tuple(name for name in names if Action.PULL in scope.granted.get(name, ()))[:limit]
        results = [
            {"name": name, "description": "", "is_official": False, "is_automated": False, "star_count": 0}
            for name in found
        ]
        return json_answer(200, {"query": words, "num_results": len(results), "results": results})
