"""How JupyterHub is wired to hub-ext. The site's own settings are in the file that HUB_EXT_CONFIG names."""

import os
import sys

from hub_ext.adapters.parent import hub_environment
from hub_ext.config import CONFIG_VARIABLE, HubExt, load
from hub_ext.hub import more_time, restart
from hub_ext.hub.docker import refuse_not_honoured
from hub_ext.hub.hub_database import commit_without_waiting
from hub_ext.hub.hub_site import hub_site, prepare
from hub_ext.hub.pages import TEMPLATES, TwoLanguages
from hub_ext.sign_in.denied import denied_hook
from hub_ext.sign_in.person import groups_hook, post_auth_hook
from hub_ext.sign_in.role_groups import ALL_SCOPES, custom_scopes, hub_roles

c = get_config()  # noqa: F821

site_config = load()
settings = HubExt(config=site_config).settings()
c.merge(site_config)  # so that sections such as c.CuratedOAuthenticator stand in the same file

# --- where things are ------------------------------------------------------------------------------

# Notebooks reach nothing of this host. The front and the gate, which stand before them, run here.
hub_url = f"http://127.0.0.1:{settings.hub_port}"
c.JupyterHub.hub_bind_url = hub_url
c.JupyterHub.hub_connect_url = hub_url
c.JupyterHub.bind_url = settings.bind_url
if settings.public_url:
    c.JupyterHub.public_url = settings.public_url
    c.JupyterHub.cookie_host_prefix_enabled = settings.public_url.startswith("https://")
    if settings.public_url.startswith("https://"):
        # Of all its cookies the Hub sends this one without TLS too, unless told.
        c.JupyterHub.tornado_settings.update({"xsrf_cookie_kwargs": {"secure": True}})

os.umask(0o077)  # the Hub's database and logs are nobody else's
settings.hub_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
hub_database = settings.hub_dir / "jupyterhub.sqlite"
c.JupyterHub.db_url = f"sqlite:///{hub_database}"
commit_without_waiting(hub_database)
c.JupyterHub.cookie_secret_file = str(settings.hub_dir / "cookie_secret")

# --- what outlives the Hub -------------------------------------------------------------------------

# Front and gate are processes of their own and servers are containers: a Hub that dies takes nobody's work
# along. Its routes lie in our store, where the gate reads them.
c.JupyterHub.cleanup_servers = False
c.JupyterHub.cleanup_proxy = False
c.JupyterHub.proxy_class = "hub-ext-gate"

# --- servers ---------------------------------------------------------------------------------------

c.JupyterHub.spawner_class = "hub-ext-docker"
# Waiting in line is not failing, and the line is ours: 429 for "too many starts" would tell nobody why.
c.JupyterHub.concurrent_spawn_limit = 0
c.JupyterHub.allow_named_servers = True
c.JupyterHub.named_server_limit_per_user = 4
# Where more time is asked for, and a restart.
c.JupyterHub.extra_handlers = [*more_time.HANDLERS, *restart.HANDLERS]
# The token that the Hub makes for a server is taken back when the server starts; until then it may do this.
c.Spawner.server_token_scopes = ["users:activity!user"]

# --- who comes in ----------------------------------------------------------------------------------

c.Authenticator.post_auth_hook = post_auth_hook(hub_site)
# Roles that change in the store reach the Hub's groups at each refresh.
c.CuratedOAuthenticator.groups_hook = groups_hook(hub_site)
c.CuratedOAuthenticator.denied_hook = denied_hook(hub_site)
c.DemoAuthenticator.groups_hook = groups_hook(hub_site)
c.Authenticator.allow_all = True  # who may sign in is decided by the hook, from the store
# Zero admins: the Hub's admin role opens every server and cannot be narrowed.
c.Authenticator.admin_users = set()
# A token outlives the sign-in that made it, a month at most.
c.JupyterHub.token_expires_in_max_seconds = 30 * 24 * 3600
# Rights are looked up with fresh groups at every start; a provider that is down is told from a "no".
c.Authenticator.refresh_pre_spawn = True
c.Authenticator.auth_refresh_strict = True

if settings.sign_in == "oauth":
    # The settings file says the rest: c.CuratedOAuthenticator.issuer, client_id, authorize_url, token_url,
    # userdata_url, jwks_url, username_claim, auth_state_groups_key. The secret has a file of its own.
    c.JupyterHub.authenticator_class = "hub_ext.sign_in.oauth.CuratedOAuthenticator"
    c.CuratedOAuthenticator.client_secret = (settings.secrets_dir / "oauth-client-secret").read_text().strip()
    c.CuratedOAuthenticator.manage_groups = True
    c.Authenticator.enable_auth_state = True
    c.CryptKeeper.keys = [(settings.secrets_dir / "auth-state-key").read_text().strip()]
else:
    c.JupyterHub.authenticator_class = "hub_ext.sign_in.demo.DemoAuthenticator"
    c.DemoAuthenticator.accounts_file = str(settings.demo_accounts_file)

# --- pages -----------------------------------------------------------------------------------------

c.JupyterHub.template_paths = [str(TEMPLATES)]
c.JupyterHub.jinja_environment_options = {"extensions": [TwoLanguages]}

# --- services and what they may do -----------------------------------------------------------------

# Managed services get LANG, PATH and JUPYTERHUB_* only.
SERVICE_ENVIRONMENT = {CONFIG_VARIABLE: os.environ[CONFIG_VARIABLE], **hub_environment()}
c.JupyterHub.services = [
    {
        "name": "culler",
        "command": [sys.executable, "-m", "hub_ext.services.culler"],
        "environment": SERVICE_ENVIRONMENT,
    },
    {
        "name": "reconciler",
        "command": [sys.executable, "-m", "hub_ext.services.reconciler"],
        "environment": SERVICE_ENVIRONMENT,
    },
    {
        "name": "queue",
        "command": [sys.executable, "-m", "hub_ext.services.queue"],
        "environment": SERVICE_ENVIRONMENT,
    },
    {
        "name": "console",
        "command": [sys.executable, "-m", "hub_ext.services.console"],
        "url": f"http://127.0.0.1:{settings.console_port}",
        "environment": SERVICE_ENVIRONMENT,
        "oauth_no_confirm": True,
        # Listed, never inherited: what a visitor may elsewhere stays out of the console's reach.
        "oauth_client_allowed_scopes": ["access:services!service=console", *ALL_SCOPES],
    },
]
# The console's scopes reach people through groups that carry the roles of our store.
c.JupyterHub.custom_scopes = custom_scopes()
c.JupyterHub.load_roles = [
    {
        # Everybody may come in; what they see there follows from their duties.
        "name": "user",
        "scopes": ["self", "access:services!service=console"],
    },
    *hub_roles(),
    {
        "name": "culler",
        # Reads what runs and since when, and stops it; never access:servers.
        "scopes": [
            "list:users",
            "read:users:activity",
            "read:servers",
            "admin:server_state",
            "delete:servers",
        ],
        "services": ["culler"],
    },
    {
        "name": "reconciler",
        # Reads which launches the Hub's servers are; it stops what the Hub has lost by the engine.
        "scopes": ["list:users", "read:servers", "admin:server_state"],
        "services": ["reconciler"],
    },
    {
        "name": "queue",
        # Starts the servers whose turn for a GPU has come, as their person chose them. A process of its own:
        # no other token starts servers. Whether one may start is decided in the spawner, as ever.
        "scopes": ["start:servers"],
        "services": ["queue"],
    },
    {
        "name": "console",
        # For operators: what runs, since when, and the stop of one; never access:servers.
        # And, where a steward erases the name of somebody who was ended, their user here: that deletes tokens
        # and sign-ins, which is no way to read or to start anything.
        "scopes": [
            "list:users",
            "read:users:activity",
            "read:servers",
            "admin:server_state",
            "delete:servers",
            "delete:users",
        ],
        "services": ["console"],
    },
]

# DockerSpawner's own settings would be silently without effect; each has a counterpart in c.HubExt.
refuse_not_honoured(c)

# --- before the Hub listens ------------------------------------------------------------------------

# The gateway is an address of this host only once the network is there.
prepare(settings)
