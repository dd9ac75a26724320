"""The bench of lists leaves none of the server's routes out."""

from bench.lists.asked import asked, left_out
from bench.lists.world import Scale, World
from tests.permissions.house import House


async def test_every_route_that_lists_something_is_measured(house: House) -> None:
    requests = asked(World(Scale(repositories=1_000, tags=10_000)))
    routes = {cell.path for cell in house.cells if cell.method == "GET"}
    assert left_out(requests, routes) == []
    assert left_out(requests, {*routes, "/api/v1/new"}) == ["/api/v1/new"]
