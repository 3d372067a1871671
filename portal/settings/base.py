"""What every deployment shares. `AFFINEUR_…` are settings of the house; see deploy/env.example."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pypi_simple
from django.utils.csp import CSP

BASE_DIR = Path(__file__).resolve().parent.parent.parent
DATA_DIR = Path(os.environ.get("AFFINEUR_DATA_DIR", BASE_DIR / "var"))


def database_from(url: str) -> dict[str, Any]:
    """`sqlite:///path` or `postgresql://user:password@host:port/name` as a DATABASES entry."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": unquote(parts.path),
            "CONN_MAX_AGE": 60,
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 30,
                # The log is written back every few seconds (`indexes.write_back`): a commit does
                # it, and waits for the disk, only when that has not happened for 40 MB.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                " PRAGMA wal_autocheckpoint=10000;",
            },
        }
    if parts.scheme in {"postgres", "postgresql"}:
        query = dict(parse_qsl(parts.query))
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": query.pop("host", None) or parts.hostname or "",
            "PORT": str(parts.port or ""),
            "CONN_MAX_AGE": 60,
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": query,
        }
    message = f"AFFINEUR_DATABASE: {parts.scheme}: is neither sqlite: nor postgresql:"
    raise ValueError(message)


def mailer_from(url: str) -> dict[str, Any]:
    """`smtp://user:password@host:port` (STARTTLS) or `smtps://…` (TLS) as a MAILERS entry."""
    parts = urlsplit(url)
    if parts.scheme not in {"smtp", "smtps"}:
        message = f"AFFINEUR_EMAIL: {parts.scheme}: is neither smtp: nor smtps:"
        raise ValueError(message)
    is_tls = parts.scheme == "smtps"
    return {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": parts.hostname or "",
            "port": parts.port or (465 if is_tls else 587),
            "username": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "use_ssl": is_tls,
            "use_tls": not is_tls,
            "timeout": 20,
        },
    }


def index_from(url: str) -> str:
    """The address of a simple index that everybody may read: pages and redirects show it."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        message = "AFFINEUR_UPSTREAM: is to be http: or https: and without a user or a password"
        raise ValueError(message)
    return url


INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.openid_connect",
    "drf_spectacular",
    "rest_framework",
    "portal.accounts",
    "portal.ownership",
    "portal.consent",
    "portal.ledger",
    "portal.requests",
    "portal.notices",
    "portal.audit",
    "portal.organisations",
    "portal.moderation",
    "portal.api",
    "portal.web",
    "builds",
    "indexes",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "portal.accounts.middleware.staff_needs_mfa",
    "portal.web.middleware.refuse_nul",
    "portal.web.middleware.explain_wrong_method",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "portal" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.web.context.deployment",
                "portal.web.context.notices",
            ]
        },
    }
]

DATABASES = {
    "default": database_from(
        os.environ.get("AFFINEUR_DATABASE", f"sqlite://{DATA_DIR / 'affineur.sqlite3'}")
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["portal.accounts.backends.AccountBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "web:mine"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
# In the ledger these are the machine's parts; nobody signs what they do with such a name.
ACCOUNT_USERNAME_BLACKLIST = ["builds", "indexes", "portal", "builder", "affineur", "system"]
ACCOUNT_ADAPTER = "portal.accounts.adapters.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "portal.accounts.adapters.SocialAccountAdapter"
# Nothing here rests on an e-mail address, so none is verified before a second factor.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = False

# Sign-in with GitHub and with PyPI is switched on by giving the client's credentials.
# PyPI is no identity provider today: the entry waits for the day it is one.
AFFINEUR_GITHUB_CLIENT_ID = os.environ.get("AFFINEUR_GITHUB_CLIENT_ID", "")
AFFINEUR_PYPI_OIDC_SERVER = os.environ.get("AFFINEUR_PYPI_OIDC_SERVER", "")
SOCIALACCOUNT_PROVIDERS: dict[str, Any] = {}
if AFFINEUR_GITHUB_CLIENT_ID:
    SOCIALACCOUNT_PROVIDERS["github"] = {
        "SCOPE": ["read:user"],
        "APPS": [
            {
                "client_id": AFFINEUR_GITHUB_CLIENT_ID,
                "secret": os.environ.get("AFFINEUR_GITHUB_CLIENT_SECRET", ""),
            }
        ],
    }
# An identity provider of the operator's own, such as the one that a private upstream uses.
AFFINEUR_OIDC_SERVER = os.environ.get("AFFINEUR_OIDC_SERVER", "")
AFFINEUR_OIDC_NAME = os.environ.get("AFFINEUR_OIDC_NAME", "Your organisation")
# Whether its accounts are upstream's own: then signing in there proves who has a role upstream.
AFFINEUR_OIDC_IS_UPSTREAM = os.environ.get("AFFINEUR_OIDC_IS_UPSTREAM", "") == "1"


def openid_apps() -> list[dict[str, Any]]:
    """The OpenID Connect providers that are set up, for django-allauth."""
    given = [
        ("pypi", "PyPI", AFFINEUR_PYPI_OIDC_SERVER, "AFFINEUR_PYPI_OIDC"),
        ("operator", AFFINEUR_OIDC_NAME, AFFINEUR_OIDC_SERVER, "AFFINEUR_OIDC"),
    ]
    return [
        {
            "provider_id": provider,
            "name": name,
            "client_id": os.environ.get(f"{prefix}_CLIENT_ID", ""),
            "secret": os.environ.get(f"{prefix}_CLIENT_SECRET", ""),
            "settings": {"server_url": server},
        }
        for provider, name, server, prefix in given
        if server
    ]


SOCIALACCOUNT_PROVIDERS["openid_connect"] = {"APPS": openid_apps()}
# Identity providers whose accounts are upstream's.
AFFINEUR_UPSTREAM_PROVIDERS = ["pypi", *(["operator"] if AFFINEUR_OIDC_IS_UPSTREAM else [])]
SOCIALACCOUNT_AUTO_SIGNUP = True
# GitHub's token of a sign-in shows which role somebody has on a repository, at every re-check.
SOCIALACCOUNT_STORE_TOKENS = True


def form_targets(providers: dict[str, Any]) -> list[str]:
    """Where forms of our pages lead: here, and to whom sign-in sends people.

    Browsers hold where a form is redirected to `form-action` as well (CSP 3, section 6.4.1).
    """
    servers = [app["settings"]["server_url"] for app in providers["openid_connect"]["APPS"]]
    if "github" in providers:
        servers.append("https://github.com")
    parts = [urlsplit(server) for server in servers]
    return [CSP.SELF, *(f"{part.scheme}://{part.netloc}" for part in parts)]


LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = Path(os.environ.get("AFFINEUR_STATIC_ROOT", DATA_DIR / "static"))
STATICFILES_DIRS = [BASE_DIR / "portal" / "static"]

SECURE_CSP = {
    "default-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "frame-ancestors": [CSP.NONE],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": form_targets(SOCIALACCOUNT_PROVIDERS),
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "portal.accounts.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticatedOrReadOnly"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "portal.api.errors.handle",
    "PAGE_SIZE": 50,
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.ScopedRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "requests": "120/hour",
        "proofs": "60/hour",
        "pause-links": "10/hour",
    },
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Affineur",
    "DESCRIPTION": "Wheels that do not exist yet, built with their maintainers' consent.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    # Several nouns have a `state`: where more than one component does, it needs a name.
    "ENUM_NAME_OVERRIDES": {
        "BuildStateEnum": "portal.api.builds.STATES",
        "ProofStateEnum": "portal.ownership.models.ProofState.choices",
        "RequestStateEnum": "portal.api.requests.STATES",
    },
}

CELERY_BROKER_URL = os.environ.get(
    "AFFINEUR_BROKER", f"redis+socket://{DATA_DIR / 'run' / 'redis.sock'}"
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# What must not wait behind work that takes as long as upstream does: a worker of its own takes it.
_PROMPT = {"queue": "prompt"}
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "run" / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "reconcile": {"task": "builds.reconcile", "schedule": 15.0},
    "write-back": {"task": "indexes.write_back", "schedule": 15.0},
    "end-expired": {"task": "portal.end_expired", "schedule": 15.0, "options": _PROMPT},
    "withhold-unverified": {
        "task": "indexes.withhold_unverified",
        "schedule": 60.0,
        "options": _PROMPT,
    },
    "learn-licences": {"task": "indexes.learn_licences", "schedule": 300.0},
    "replan": {"task": "portal.replan_requests", "schedule": 300.0},
    "close-cases": {"task": "portal.close_due_cases", "schedule": 3600.0},
    "end-development": {"task": "portal.end_development_permits", "schedule": 300.0},
    "checkpoint": {"task": "portal.make_checkpoint", "schedule": 900.0},
    "deliver-notices": {"task": "portal.deliver_notices", "schedule": 15.0},
    "recheck-proofs": {"task": "portal.recheck_proofs", "schedule": 600.0},
    "remind-of-expiry": {"task": "portal.remind_of_expiry", "schedule": 3600.0},
    "keep-sources": {"task": "portal.keep_sources", "schedule": 300.0},
    "write-letters": {"task": "portal.write_letters", "schedule": 3600.0},
}

# Pages of upstream's that we do not follow, for the processes of this machine: what is lost costs
# a request upstream.
UPSTREAM_CACHE = {
    "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
    "LOCATION": str(Path(os.environ.get("AFFINEUR_CACHE_DIR", DATA_DIR / "cache" / "upstream"))),
    "OPTIONS": {"MAX_ENTRIES": 3_000},
}
CACHES: dict[str, Any] = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "upstream": UPSTREAM_CACHE,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"()": "portal.logs.OneLine", "format": "%(levelname)s %(name)s: %(message)s"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"httpx": {"level": "WARNING"}, "httpcore": {"level": "WARNING"}},
}

# Whom e-mail to people comes from.
DEFAULT_FROM_EMAIL = os.environ.get("AFFINEUR_EMAIL_FROM", "Affineur <affineur@localhost>")

# Whether this deployment may use development sign-in and attest without an administrator.
AFFINEUR_DEVELOPMENT = False
# The simple index that we follow, with a trailing slash.
AFFINEUR_UPSTREAM = index_from(
    os.environ.get("AFFINEUR_UPSTREAM", pypi_simple.PYPI_SIMPLE_ENDPOINT)
)
# Sent upstream, so that its operators know whom to write to.
AFFINEUR_CONTACT = os.environ.get("AFFINEUR_CONTACT", "")
# Where people and builders reach this deployment, without a trailing slash.
AFFINEUR_PUBLIC_URL = os.environ.get("AFFINEUR_PUBLIC_URL", "http://127.0.0.1:8000")
# Where builders reach the control side, when that is another address.
AFFINEUR_CONTROL_URL = os.environ.get("AFFINEUR_CONTROL_URL", AFFINEUR_PUBLIC_URL)
# "local" (files under AFFINEUR_DATA_DIR) or "s3".
AFFINEUR_STORAGE = os.environ.get("AFFINEUR_STORAGE", "local")
AFFINEUR_STORAGE_ROOT = Path(os.environ.get("AFFINEUR_STORAGE_ROOT", DATA_DIR / "storage"))
AFFINEUR_S3_BUCKET = os.environ.get("AFFINEUR_S3_BUCKET", "")
AFFINEUR_S3_ENDPOINT = os.environ.get("AFFINEUR_S3_ENDPOINT", "")
AFFINEUR_S3_REGION = os.environ.get("AFFINEUR_S3_REGION", "us-east-1")
# Label of our build tags: the wheel is `name-1.0-1{label}-py3-none-any.whl` (PEP 427).
AFFINEUR_BUILD_LABEL = os.environ.get("AFFINEUR_BUILD_LABEL", "affineur")
# Ed25519 key that signs provenance and checkpoints of the ledger, PEM (PKCS 8); made on first use
# by the embedded deployment.
AFFINEUR_SIGNING_KEY = Path(
    os.environ.get("AFFINEUR_SIGNING_KEY", DATA_DIR / "keys" / "provenance.pem")
)
# Its public half, PEM, for processes that verify and do not sign; empty: made from the key above.
AFFINEUR_PUBLIC_KEY = os.environ.get("AFFINEUR_PUBLIC_KEY", "")
# What is built when a request names no target; names of `builds.domain.targets`.
AFFINEUR_TARGETS = os.environ.get(
    "AFFINEUR_TARGETS",
    " ".join(f"cp3{minor}-manylinux_2_36_x86_64" for minor in (13, 12, 11, 10, 9)),
).split()
# Builds handed to builders at once; the rest waits in the database.
# "host" or "portable": what builders compile with, unless a diagnosis says otherwise.
AFFINEUR_TOOLCHAIN = os.environ.get("AFFINEUR_TOOLCHAIN", "host")
AFFINEUR_BUILDS_IN_FLIGHT = int(os.environ.get("AFFINEUR_BUILDS_IN_FLIGHT", "2"))
# A lease that was not shown for this many seconds is lost.
AFFINEUR_LEASE_SECONDS = int(os.environ.get("AFFINEUR_LEASE_SECONDS", "30"))
# Times that a build is tried again after a fault of ours, before it is given up.
AFFINEUR_FARM_RETRIES = 5
# Times in a minute that upstream is asked for projects we have never seen: for all visitors
# together, and for each person who is signed in.
AFFINEUR_LOOKUPS_PER_MINUTE = 30
# What an organisation may use, unless staff gave it quotas of its own: builds in progress,
# CPU-hours in a calendar month (UTC), and bytes of wheels that are kept.
AFFINEUR_ORGANISATION_BUILDS = int(os.environ.get("AFFINEUR_ORGANISATION_BUILDS", "200"))
AFFINEUR_ORGANISATION_CPU_HOURS = int(os.environ.get("AFFINEUR_ORGANISATION_CPU_HOURS", "100"))
AFFINEUR_ORGANISATION_STORAGE = int(
    os.environ.get("AFFINEUR_ORGANISATION_STORAGE", str(20 * 1024**3))
)
# Reports to moderators taken in an hour: of each person who is signed in, and of all visitors
# together.
AFFINEUR_REPORTS_PER_HOUR = 20
AFFINEUR_REPORTS_OF_VISITORS_PER_HOUR = 60
# Seconds after which a project that upstream did not answer for stops listing files of ours.
AFFINEUR_UNVERIFIED_SECONDS = int(os.environ.get("AFFINEUR_UNVERIFIED_SECONDS", "21600"))
# Requests a second that the watchers of all hosts together make upstream, at most.
AFFINEUR_WATCH_RATE = float(os.environ.get("AFFINEUR_WATCH_RATE", "16"))
# Seconds between two requests for a project: just after a change, and when it is quiet. More
# projects than the rate allows for make both longer.
AFFINEUR_WATCH_SHORTEST = float(os.environ.get("AFFINEUR_WATCH_SHORTEST", "60"))
AFFINEUR_WATCH_LONGEST = float(os.environ.get("AFFINEUR_WATCH_LONGEST", "900"))
# Seconds between two looks at the serials in upstream's root listing (tens of megabytes where
# upstream is PyPI); 0 for none.
AFFINEUR_WATCH_ROOT_SECONDS = float(os.environ.get("AFFINEUR_WATCH_ROOT_SECONDS", "3600"))
# Address of upstream's XML-RPC API, whose changelog names changed projects within seconds; empty:
# it is not asked.
AFFINEUR_UPSTREAM_CHANGELOG = os.environ.get("AFFINEUR_UPSTREAM_CHANGELOG", "")
# Seconds that clients and caches may keep an index page: the latency of a yank.
AFFINEUR_INDEX_MAX_AGE = 60
# What the overlay answers for a project that it does not follow: "redirect" sends clients to
# upstream, "proxy" fetches its page for them and keeps it for AFFINEUR_INDEX_MAX_AGE seconds.
AFFINEUR_OVERLAY_UNKNOWN = os.environ.get("AFFINEUR_OVERLAY_UNKNOWN", "redirect")
if AFFINEUR_OVERLAY_UNKNOWN not in {"redirect", "proxy"}:
    message = f"AFFINEUR_OVERLAY_UNKNOWN: {AFFINEUR_OVERLAY_UNKNOWN}: is neither redirect nor proxy"
    raise ValueError(message)

# Which proofs are enough for what: any one of the sets of methods in a line. A method is named
# as in portal/ownership/methods; `manage.py check` refuses a set that shows nobody's identity.
_PROOFS = [
    ["actions-token"],
    ["release-challenge"],
    ["upstream-sign-in"],
    ["staff-review"],
    ["attested-repository", "upstream-roles"],
]
AFFINEUR_PROOF_POLICY = {"build": _PROOFS, "publish": _PROOFS, "speak": _PROOFS}
# Seconds after which it is looked again whether a proof still holds.
AFFINEUR_PROOF_RECHECK_SECONDS = int(os.environ.get("AFFINEUR_PROOF_RECHECK_SECONDS", "86400"))
# How many of a project's proven owners have to say yes before a consent holds; 0 means all. The
# owners of a project can want more of them, and none can want fewer than another.
AFFINEUR_CONSENT_OWNERS = int(os.environ.get("AFFINEUR_CONSENT_OWNERS", "1"))
# How many people have to have petitioned for a project before we write to the address in its
# metadata: once a year at most, and never after a no. 0: never.
AFFINEUR_LETTER_PEOPLE = int(os.environ.get("AFFINEUR_LETTER_PEOPLE", "0"))
# GitHub, or an enterprise server of it that speaks for the projects here.
AFFINEUR_GITHUB_URL = os.environ.get("AFFINEUR_GITHUB_URL", "https://github.com")
AFFINEUR_GITHUB_API = os.environ.get("AFFINEUR_GITHUB_API", "https://api.github.com")
AFFINEUR_ACTIONS_ISSUER = os.environ.get(
    "AFFINEUR_ACTIONS_ISSUER", "https://token.actions.githubusercontent.com"
)
# A file with Sigstore's trusted root (JSON); empty: the public good instance's, kept by TUF.
AFFINEUR_SIGSTORE_ROOT = os.environ.get("AFFINEUR_SIGSTORE_ROOT", "")
# Where upstream says who has which role, as JSON with `ownership`; `{name}` is the project.
# Empty: where PyPI has it, on the host of AFFINEUR_UPSTREAM.
AFFINEUR_UPSTREAM_ROLES = os.environ.get("AFFINEUR_UPSTREAM_ROLES", "")
