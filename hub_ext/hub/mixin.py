"""What our spawners share: the request gathered on the event loop, the flow called, a "no" made the Hub's.

The parent's `start`, `stop` and `poll` are not called: they re-read options, re-render names, wait for one
thread that everybody shares, and take an engine's failure for "gone".
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import jupyterhub
from jupyterhub import orm
from traitlets import HasTraits, Unicode, default

from hub_ext.adapters.launch_secrets import LaunchSecrets
from hub_ext.errors import HubExtError
from hub_ext.expression.interfaces import ServerPlace, ready_path, server_command, server_environment
from hub_ext.flows import launch as flow
from hub_ext.flows.site import Site, new_id
from hub_ext.hub import form, home, options, pages, requester
from hub_ext.hub.failures import Failed, OnlyPrefill, Refused
from hub_ext.hub.hub_site import hub_listener, hub_site
from hub_ext.hub.progress import Progress
from hub_ext.model import (
    Actor,
    ActorKind,
    LaunchPlan,
    LaunchRequest,
    Person,
    Reason,
    ReasonCode,
    Refusal,
    StopReason,
)

_OF_THE_HUB = ("JUPYTERHUB_", "JPY_", "JUPYTER_IMAGE")
SPAWNER = Actor(ActorKind.SERVICE, "spawner")


@dataclass
class RequestedOptions:
    """What the request that is being answered asks for, so that the form shown with a refusal holds it.

    The Hub asks the default server's spawner for that form, also when a named server was refused.
    """

    server_name: str
    options: dict[str, Any]
    language: str = ""


_requested: ContextVar[RequestedOptions | None] = ContextVar("requested", default=None)


class CuratedMixin(HasTraits):
    """For a class of JupyterHub's spawners. `launch_id` is the launch that this server is, or ""."""

    launch_id = Unicode("")

    # The Hub's, of which there are no types.
    api_token: str
    authenticator: Any
    db: Any
    handler: Any
    hub: Any
    log: Any
    name: str
    server: Any
    user: Any
    user_options: Any
    _callbacks: list[Any]
    _poll_callback: Any

    plan: LaunchPlan
    _progress: Progress

    # --- defaults that the Hub's own time limits and counters must not spoil -------------------------

    @default("start_timeout")
    def _default_start_timeout(self) -> int:
        # Time limits are the flow's, per phase; waiting in line is not failing.
        return 24 * 3600

    @default("http_timeout")
    def _default_http_timeout(self) -> int:
        # Servers answer when start() returns. At the Hub's own start, a busy machine must not lose them.
        return 120

    @default("consecutive_failure_limit")
    def _default_consecutive_failure_limit(self) -> int:
        return 0  # an engine that is down must not take the Hub along

    @default("poll_interval")
    def _default_poll_interval(self) -> int:
        return 300  # the engine's events tell it at once; while they are heard, nobody is asked

    @default("apply_user_options")
    def _default_apply_user_options(self) -> Any:
        return lambda spawner, user_options: None  # start() does; without this the Hub warns

    @default("progress_ready_hook")
    def _default_progress_ready_hook(self) -> Any:
        return CuratedMixin._with_page

    @property
    def will_resume(self) -> bool:
        """False: a container never starts again, so its server's token and OAuth client end with it."""
        return False

    # --- the form and its answers --------------------------------------------------------------------

    async def get_options_form(self) -> str:
        """The form with what this person could start now, in their language."""
        requested = _requested.get()
        person = await self._person()
        return await form.render(
            self.site,
            person,
            groups=await self._groups(),
            server_name=requested.server_name if requested else self.name,
            wanted=requested.options if requested else None,
            language=requested.language if requested and requested.language else self._language(person),
        )

    def run_options_from_form(self, form_data: dict[str, list[Any]]) -> dict[str, Any]:
        """The form as options; `start()` judges them."""
        made = options.from_form(form_data)
        _requested.set(RequestedOptions(self.name, made))
        return made

    def options_from_query(self, query_data: dict[str, list[str]]) -> dict[str, Any]:
        """Always raises OnlyPrefill: a link fills the form in, a person starts the server."""
        _requested.set(RequestedOptions(self.name, options.from_form(query_data)))
        raise OnlyPrefill

    # --- a server's life -----------------------------------------------------------------------------

    async def start(self) -> str:
        """The server's URL once it answers. Raises Refused or Failed."""
        self._end_server_token()
        self.launch_id = new_id("lau")
        self._progress = Progress()
        hub_listener().begin()
        language = self._language(None)
        try:
            person = await self._person()
            language = self._language(person)
            plan = await self._admit(person)
            if isinstance(plan, Refusal):
                raise Refused(plan, language, pages.zone(self.site))
            self.plan = plan
            launch_secrets = self._launch_secrets()
            started = await flow.start(
                self.site,
                plan,
                command=self._command(plan),
                env={**self.get_env(), **server_environment(plan.interface, launch_secrets.token)},
                secrets=launch_secrets,
                probe_path=ready_path(plan.interface, self.server.base_url),
                tell=self._progress.tell,
            )
        except HubExtError as error:
            raise Failed(error, self.launch_id, language) from error
        finally:
            self._progress.end()
        self._answer_for_server()
        return f"http://{started.address}:{started.port}"

    async def stop(self, now: bool = False) -> None:
        """Stops the server. Raises EngineError; the reconciler finishes then."""
        # Callbacks are hung up once a server was seen up: without them the Hub itself gives up on it.
        reason, actor = StopReason.NO_ANSWER, SPAWNER
        if self._callbacks:
            reason, actor = await requester.why_stopped(self.site, self, await self._person())
        await flow.stop(self.site, self.launch_id, reason, actor)

    async def poll(self) -> int | None:
        """None while it runs and whenever the engine fails; its exit status once it has ended for sure."""
        self._answer_for_server()
        return await flow.poll(self.site, self.launch_id)

    def start_polling(self) -> None:
        """Watches for the server's end: by the engine's events, and by a poll now and then."""
        super().start_polling()
        hub_listener().add(self)

    def add_poll_callback(self, callback: Any, *args: Any, **more: Any) -> None:
        """Watches again: the Hub adds its callback after it began to poll, and the server may have ended."""
        super().add_poll_callback(callback, *args, **more)
        if self._poll_callback is not None:
            hub_listener().add(self)

    async def poll_and_notify(self) -> int | None:
        """Tells the Hub where the server has ended; where it is not listening yet, the next look tells."""
        return await super().poll_and_notify() if self._callbacks else None

    def stop_polling(self) -> None:
        """Watches the server no more: it has ended, or the Hub itself stops it."""
        super().stop_polling()
        hub_listener().remove(self)

    async def run_post_stop_hook(self) -> None:
        """Lets go of the launch's resources: the Hub comes here also where it skips stop()."""
        await flow.release(self.site, self.launch_id)
        hook = super().run_post_stop_hook()
        if hook is not None:
            await hook

    async def progress(self) -> AsyncIterator[dict[str, object]]:
        """Steps of the start, in the language of whoever started it."""
        async for event in self._progress.events(self._language(None)):
            yield event

    def _with_page(self, event: dict[str, Any]) -> dict[str, Any]:
        """The Hub's last message of a start, with the page that the server shows first."""
        plan = getattr(self, "plan", None)  # none of a start before the Hub's own
        return {**event, "page": f"{event['url'].rstrip('/')}{plan.start_url}"} if plan else event

    def load_state(self, state: dict[str, Any]) -> None:
        """The launch that this server is, as the Hub kept it."""
        self.launch_id = str(state.get("launch_id", ""))

    def get_state(self) -> dict[str, Any]:
        """What the Hub keeps: the launch's id, by which everything else is found."""
        return {"launch_id": self.launch_id} if self.launch_id else {}

    def clear_state(self) -> None:
        """The server is no launch any more."""
        self.launch_id = ""

    def get_env(self) -> dict[str, str]:
        """The site's variables for servers; nothing of the Hub."""
        env = {name: value for name, value in super().get_env().items() if not name.startswith(_OF_THE_HUB)}
        return {name: str(value) for name, value in env.items() if value is not None}

    def _command(self, plan: LaunchPlan) -> tuple[str, ...]:
        place = ServerPlace(
            self.server.base_url,
            plan.start_url,
            user=self.user.name,
            hub_host=self.site.settings.public_url.rstrip("/"),
            hub_prefix=self.hub.base_url,
        )
        return server_command(plan.interface, place)

    def _answer_for_server(self) -> None:
        """Let us answer when the Hub, after `start()` and after `poll()` at its own start, asks the server.

        It would ask for `/api` below the prefix, which is Jupyter's: others may answer that with a failure.
        """
        if self.server is not None:
            self.server.wait_up = self._wait_up

    async def _wait_up(self, **question: Any) -> SimpleNamespace:
        """Returns once the server answers as its interface says. Raises TimeoutError after "timeout" s.

        The Hub stops the server whatever is raised, so a failure of ours is logged and raises nothing.
        """
        seconds = question["timeout"]
        try:
            ready = await flow.wait_ready(self.site, self.launch_id, self.server.base_url, seconds=seconds)
        except HubExtError as error:
            self.log.error("Whether %s answers is not known: %s", self.server.url, error)
            ready = True
        if not ready:
            raise TimeoutError(f"{self.server.url} did not answer within {seconds} s")
        # The Hub warns of servers without this header; ours hold no JupyterHub that could be too old.
        return SimpleNamespace(headers={"X-JupyterHub-Version": jupyterhub.__version__})

    def _end_server_token(self) -> None:
        """Takes back the token that the Hub has just made for the server, which never asks the Hub anything.

        Its letters stay the secret of the server's OAuth client. As a token it would stand among those of its
        person, and outlive a server whose Hub was restarted: then the Hub knows it no more.
        """
        token = orm.APIToken.find(self.db, self.api_token)
        if token is not None:
            self.db.delete(token)
            self.db.commit()

    def _launch_secrets(self) -> LaunchSecrets:
        """A new secret for the server, and the OAuth client that the Hub made for it."""
        env = super().get_env()
        return LaunchSecrets(
            token=secrets.token_hex(32),
            oauth_client_id=env["JUPYTERHUB_CLIENT_ID"],
            oauth_client_secret=env["JUPYTERHUB_API_TOKEN"],
            oauth_scopes=tuple(json.loads(env["JUPYTERHUB_OAUTH_ACCESS_SCOPES"])),
            oauth_callback_url=env["JUPYTERHUB_OAUTH_CALLBACK_URL"],
        )

    # --- for the home page ---------------------------------------------------------------------------

    async def last_session(self, server_name: str, language: str) -> dict[str, Any] | None:
        """What the home page shows of the newest launch of that server; None: nothing, or unknown."""
        try:
            person = await self._person()
            return await home.last_session(self.site, person, server_name, language) if person else None
        except HubExtError as error:
            self.log.error("No last session for %s: %s", self.user.name, error)
            return None

    async def in_line(self, language: str) -> dict[str, Any]:
        """What the home page shows of this person's places in line for GPUs; empty where it is unknown."""
        try:
            person = await self._person()
            return await home.in_line(self.site, person, language) if person else {}
        except HubExtError as error:
            self.log.error("No places in line for %s: %s", self.user.name, error)
            return {}

    # --- on the event loop ---------------------------------------------------------------------------

    @property
    def site(self) -> Site:
        """The one Site of this Hub."""
        return hub_site()

    async def _admit(self, person: Person | None) -> LaunchPlan | Refusal:
        if person is None:
            refusal = Refusal((Reason(ReasonCode.PERSON_UNKNOWN),))
            await flow.record_refusal(self.site, self.launch_id, SPAWNER, refusal)
            return refusal
        asking = getattr(self.handler, "current_user", None)
        actor = await requester.actor(self.site, self, asking, person)
        if not self.authenticator.confirmed(await self.user.get_auth_state()):
            refusal = Refusal((Reason(ReasonCode.SIGN_IN_OLD),))
            await flow.record_refusal(self.site, self.launch_id, actor, refusal, (person.id, self.name))
            return refusal
        groups = await self._groups()
        request = await self._request(person, groups)
        if isinstance(request, Refusal):
            await flow.record_refusal(self.site, self.launch_id, actor, request, (person.id, self.name))
            return request
        return await flow.admit(self.site, request, actor, groups=groups)

    async def _request(self, person: Person, groups: frozenset[str] | None) -> LaunchRequest | Refusal:
        chosen = self.user_options
        if not chosen:
            chosen = await form.default_options(self.site, person, groups, self.name)
        return options.parse(chosen, launch_id=self.launch_id, person_id=person.id, server_name=self.name)

    async def _person(self) -> Person | None:
        identity = self.authenticator.identity(self.user.name, await self.user.get_auth_state())
        return await flow.find_person(self.site, *identity) if identity else None

    async def _groups(self) -> frozenset[str] | None:
        names = frozenset(group.name for group in self.user.groups)
        auth_state = await self.user.get_auth_state()
        groups: frozenset[str] | None = self.authenticator.known_groups(names, auth_state)
        return groups

    def _language(self, person: Person | None) -> str:
        request = getattr(self.handler, "request", None)
        if request is not None:
            self._spoken = pages.request_language(request, person.language if person else "en")
            requested = _requested.get()
            if requested:  # the same object in the task that renders the form
                requested.language = self._spoken
        return getattr(self, "_spoken", person.language if person else "en")
