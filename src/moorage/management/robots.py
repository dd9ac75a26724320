"""Robots of the server and of registries."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import Depends, Path, Response
from pydantic import BaseModel, Field, StrictBool

from moorage.domain.access import Action
from moorage.management.conditions import OnMatch, ToTag
from moorage.management.grammar import A_USER
from moorage.management.routes import FromCaller, InRegistry, Route
from moorage.management.shapes import Page, Paging, Sent, address_for, moment
from moorage.services import records
from moorage.services.robots import RobotService

InRobot = Annotated[str, Path(description="The robot's name.", json_schema_extra=A_USER)]


class NewRobot(Sent):
    """A robot to make."""

    name: str = Field(description="Like a user name, and unique among both.", json_schema_extra=A_USER)


class RobotChanges(Sent):
    """What to change of a robot."""

    is_disabled: StrictBool = Field(description="Whether it is kept from signing in.")


class Robot(BaseModel):
    """A robot."""

    name: str
    is_disabled: bool
    created_at: datetime

    @classmethod
    def of(cls, account: records.Account) -> Self:
        """Show a record."""
        return cls(name=account.name, is_disabled=account.is_disabled, created_at=moment(account.created_at))


class RobotPage(Page[Robot]):
    """Robots by name, which is the key of a page."""


class RobotRoutes:
    """Answers for robots."""

    def __init__(self, robots: RobotService) -> None:
        self._robots = robots

    def rows(self) -> tuple[Route, ...]:
        """Return the table."""
        here = "/registries/{registry}/robots"
        server, registry = Action.ADMINISTER_SERVER, Action.ADMINISTER_REGISTRY
        return (
            Route("POST", "/robots", server, self.create_robot, 201),
            Route("GET", "/robots", server, self.list_robots),
            Route("GET", "/robots/{robot}", server, self.get_robot),
            Route("PATCH", "/robots/{robot}", server, self.change_robot),
            Route("DELETE", "/robots/{robot}", server, self.delete_robot, 204),
            Route("POST", here, registry, self.create_registry_robot, 201),
            Route("GET", here, registry, self.list_registry_robots),
            Route("GET", here + "/{robot}", registry, self.get_registry_robot),
            Route("PATCH", here + "/{robot}", registry, self.change_registry_robot),
            Route("DELETE", here + "/{robot}", registry, self.delete_registry_robot, 204),
        )

    async def create_robot(self, caller: FromCaller, sent: NewRobot, response: Response) -> Robot:
        """Make a robot of the server."""
        made = await self._robots.create(caller, sent.name)
        response.headers["location"] = address_for("robots", made.name)
        return Robot.of(made)

    async def list_robots(self, caller: FromCaller, paging: Annotated[Paging, Depends()]) -> RobotPage:
        """List the robots of the server."""
        return _page(paging, await self._robots.list(caller, after=paging.after, limit=paging.limit))

    async def get_robot(self, caller: FromCaller, robot: InRobot, tagged: ToTag) -> Robot:
        """Show a robot of the server."""
        return tagged(Robot.of(await self._robots.get(caller, robot)))

    async def change_robot(
        self, caller: FromCaller, robot: InRobot, sent: RobotChanges, match: OnMatch, tagged: ToTag
    ) -> Robot:
        """Keep a robot of the server from signing in, or let it in again."""
        check = match.on(Robot.of)
        return tagged(Robot.of(await self._robots.disable(caller, robot, disabled=sent.is_disabled, check=check)))

    async def delete_robot(self, caller: FromCaller, robot: InRobot, match: OnMatch) -> None:
        """Delete a robot of the server, with its access tokens and roles."""
        await self._robots.delete(caller, robot, check=match.on(Robot.of))

    async def create_registry_robot(
        self, caller: FromCaller, address: InRegistry, sent: NewRobot, response: Response
    ) -> Robot:
        """Make a robot of a registry."""
        made = await self._robots.create(caller, sent.name, address)
        response.headers["location"] = address_for("registries", address, "robots", made.name)
        return Robot.of(made)

    async def list_registry_robots(
        self, caller: FromCaller, address: InRegistry, paging: Annotated[Paging, Depends()]
    ) -> RobotPage:
        """List the robots of a registry."""
        return _page(paging, await self._robots.list(caller, address, after=paging.after, limit=paging.limit))

    async def get_registry_robot(self, caller: FromCaller, address: InRegistry, robot: InRobot, tagged: ToTag) -> Robot:
        """Show a robot of a registry."""
        return tagged(Robot.of(await self._robots.get(caller, robot, address)))

    async def change_registry_robot(
        self,
        caller: FromCaller,
        address: InRegistry,
        robot: InRobot,
        sent: RobotChanges,
        match: OnMatch,
        tagged: ToTag,
    ) -> Robot:
        """Keep a robot of a registry from signing in, or let it in again."""
        check, disabled = match.on(Robot.of), sent.is_disabled
        return tagged(Robot.of(await self._robots.disable(caller, robot, address, disabled=disabled, check=check)))

    async def delete_registry_robot(
        self, caller: FromCaller, address: InRegistry, robot: InRobot, match: OnMatch
    ) -> None:
        """Delete a robot of a registry, with its access tokens and roles."""
        await self._robots.delete(caller, robot, address, match.on(Robot.of))


def _page(paging: Paging, found: tuple[records.Account, ...]) -> RobotPage:
    page, following = paging.cut(found, lambda robot: robot.name)
    return RobotPage(items=[Robot.of(robot) for robot in page], next=following)
