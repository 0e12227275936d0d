"""The site's routes: who may pass, in which thread it is answered, and what becomes of an error."""

import logging
from collections.abc import Awaitable, Callable

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from st_deltek_pipeline.domain.errors import PipelineError, TransientError
from st_deltek_pipeline.settings import Settings
from st_deltek_pipeline.site import answers
from st_deltek_pipeline.site.close_pages import ClosePages, NotFoundError, Reader
from st_deltek_pipeline.site.login import LOGIN, LOGOUT, ROOT, Login
from st_deltek_pipeline.site.throttle import Throttle
from st_deltek_pipeline.site.workers import Workers

_logger = logging.getLogger(__name__)

_RETRY_SECONDS = "10"

Handler = Callable[[Request], Awaitable[Response]]


class CloseSite:
    """The close reports, to be mounted by whoever has a server.

    Args:
        settings: The installation.
        engine: Its migrated database; one of its own, so that readers never take a connection from webhooks.
        throttle: Counts attempts to log in.
    """

    def __init__(self, settings: Settings, engine: Engine, *, throttle: Throttle | None = None) -> None:
        self._secure = settings.close_url.startswith("https:")
        self._pages = ClosePages(settings, engine)
        self._workers = Workers("close-pages", threads=2, waiting=16, seconds=30)
        self.login = Login(engine, secure=self._secure, proxies=settings.close_proxies, throttle=throttle)
        self.routes = [
            Route(LOGIN, self._guarded(self.login.show), methods=["GET"]),
            Route(LOGIN, self._guarded(self.login.submit), methods=["POST"]),
            Route(LOGOUT, self._guarded(self.login.leave), methods=["POST"]),
            Route(ROOT, self._for_readers(lambda reader, _: self._pages.index(reader)), methods=["GET"]),
            Route(f"{ROOT}/{{name}}", self._for_readers(self._newest), methods=["GET"]),
            Route(f"{ROOT}/{{name}}/{{which}}", self._for_readers(self._report), methods=["GET"]),
            Route(f"{ROOT}/{{name}}/{{day}}/{{number:int}}", self._for_readers(self._kept), methods=["GET"]),
        ]

    def stop(self) -> None:
        """Begin nothing more."""
        self._workers.stop()
        self.login.stop()

    def _newest(self, reader: Reader, request: Request) -> Response:
        return self._pages.newest(reader, request.path_params["name"])

    def _report(self, reader: Reader, request: Request) -> Response:
        return self._pages.report(reader, request.path_params["name"], request.path_params["which"])

    def _kept(self, reader: Reader, request: Request) -> Response:
        parameters = request.path_params
        return self._pages.kept(reader, parameters["name"], parameters["day"], parameters["number"])

    def _for_readers(self, make: Callable[[Reader, Request], Response]) -> Handler:
        """Let only those pass who have logged in, and answer them in a thread."""

        def work(request: Request) -> Response:
            found = self.login.user(request)
            return self.login.stranger(request) if found is None else make(Reader(*found), request)

        async def handle(request: Request) -> Response:
            return await self._workers.run(lambda: work(request))

        return self._guarded(handle)

    def _guarded(self, handle: Handler) -> Handler:
        """Answer errors with words that tell a stranger nothing, and give every answer its headers."""

        async def guarded(request: Request) -> Response:
            try:
                answer = await handle(request)
            except NotFoundError:
                answer = answers.words(
                    answers.NOT_FOUND, "There is no such page", "There is no such connection or business day here."
                )
            except TransientError as error:
                answer = answers.words(answers.UNAVAILABLE, "Not now", error.message, error.advice)
                answer.headers["retry-after"] = _RETRY_SECONDS
            except SQLAlchemyError:
                _logger.exception("A page could not be made.")
                answer = answers.words(answers.UNAVAILABLE, "Not now", "The database does not answer. Try again later.")
                answer.headers["retry-after"] = _RETRY_SECONDS
            except PipelineError as error:
                _logger.exception("A page could not be made.")
                answer = answers.words(answers.BROKEN, "This page cannot be made", error.message, error.advice)
            except Exception:
                _logger.exception("A page could not be made.")
                answer = answers.words(answers.BROKEN, "This page cannot be made", "The log of the receiver says why.")
            return answers.kept_to_itself(answer, secure=self._secure)

        return guarded
