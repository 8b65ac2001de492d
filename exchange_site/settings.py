"""All settings. Differences between machines come from the environment; docs/operations.md lists every variable."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from exchange_site.security.environment import Environment, hold_markets
from exchange_site.security.private_files import keep_private

env = Environment()
BASE_DIR = Path(__file__).resolve().parent.parent


def _secret_key(folder: Path) -> str:
    """The key in `folder`, made at the first start and readable by its owner only."""
    path = folder / "secret_key"
    if not path.exists():
        fresh = folder / "secret_key.new"
        fresh.touch(mode=0o600)
        fresh.write_text(get_random_secret_key())
        fresh.rename(path)
    return path.read_text()


# --- where things are

DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "data"))).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)

DEBUG = env.bool("DEBUG", default=False)
DEMO = env.bool("DEMO", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="") or _secret_key(DATA_DIR)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
SOCKET_ORIGINS = [*ALLOWED_HOSTS, *env.list("SOCKET_ORIGINS", default=["null"] if DEMO else [])]
"""Pages that may open the socket in a browser. The demo lets in pages opened from a file ("null"), to try examples."""
CORS_ORIGINS = env.list("CORS_ORIGINS", default=[])
"""Pages of other sites that may ask REST in a browser. None, unless they are named."""
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

try:
    DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'bourse.sqlite3'}")}
except ValueError:  # it quotes the address, and with it the password
    raise ImproperlyConfigured("DATABASE_URL cannot be read: are / ? # @ : in its password written as %XX?") from None
SQLITE = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
if SQLITE:
    keep_private(Path(DATABASES["default"]["NAME"]))
    DATABASES["default"]["OPTIONS"] = {
        # FULL: a commit is on the disk when it returns. IMMEDIATE: a writer waits for its turn at the start of its
        # transaction, not in the middle, where SQLite could only refuse.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16384;",
        "transaction_mode": "IMMEDIATE",
        # Statements that stay prepared: those of `trading.storage.sql.CHUNKS` for every table, and some.
        "cached_statements": 256,
        "timeout": env.float("DATABASE_TIMEOUT", default=5.0),
    }
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    # A peer that is silent is gone after a few seconds: whoever waits for an order is told that nobody knows. Here that
    # is the operating system's doing; the backend sees to lines that only seem to be there.
    DATABASES["default"]["ENGINE"] = "trading.storage.heard_postgres"
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        "keepalives_idle": 3,
        "keepalives_interval": 1,
        "keepalives_count": 3,
        "tcp_user_timeout": 5_000,
        **DATABASES["default"].get("OPTIONS", {}),
    }
    # A session costs milliseconds to open: who looks up a token, or a page, uses one that is there, if it still lives.
    DATABASES["default"].update(CONN_MAX_AGE=60, CONN_HEALTH_CHECKS=True)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="")
"""Set: this process is one of several, a gateway, or with `manage.py run_engine` the engine (docs/cluster.md). Empty:
the engine lives in the server's own process."""
if REDIS_URL and SQLITE:
    raise ImproperlyConfigured("With REDIS_URL the processes share a database: set DATABASE_URL=postgres://... as well")
ANSWER_SECONDS = env.float("ANSWER_SECONDS", default=5.0)
"""How long a gateway waits for the engine's answer before it says that the outcome is unknown."""

# --- the exchange

MARKET = env.str("MARKET", default="MAIN")
FURTHER_MARKETS = env.list("FURTHER_MARKETS", default=[])
"""Markets that run in the same server beside MARKET, which is meant where nobody names one (docs/market-rules.md)."""
hold_markets([MARKET, *FURTHER_MARKETS])
ARCHIVE_DIR = Path(env.str("ARCHIVE_DIR", default=str(DATA_DIR / "archive")))
ARCHIVE_KEEP_DAYS = env.int("ARCHIVE_KEEP_DAYS", default=5)
"""Settled days that `manage.py archive` leaves in the database: a week of trading, to be looked up at once."""
ARCHIVE_DAILY = env.bool("ARCHIVE_DAILY", default=False)
"""Off: files go to the disk of whatever machine runs the engine, and whoever wants them knows where that is."""
PING_SECONDS = env.float("PING_SECONDS", default=5.0)
"""The server pings every connection this often (protocol document)."""
IDLE_SECONDS = env.float("IDLE_SECONDS", default=10.0)
"""A connection that has sent nothing for so long is closed with 4408 (protocol document)."""
if not PING_SECONDS or not IDLE_SECONDS:
    raise ImproperlyConfigured("PING_SECONDS and IDLE_SECONDS must be above 0")
MAX_FRAME = env.int("MAX_FRAME", default=32_768)
"""Characters of a client frame. The largest honest one, 50 orders with all their fields, has about 20,000."""
MAX_OUTBOX = env.int("MAX_OUTBOX", default=10_000)
"""Frames that may wait for a slow reader before it is closed with 4409: a few seconds of a busy account."""
RATE_LIMITS = env.bool("RATE_LIMITS", default=True)
"""Whether the limits down to TRAILING_STOPS hold. Off only for benches. Of what is counted by the second, twice as many
are allowed at once."""
FRAMES_PER_SECOND = env.int("FRAMES_PER_SECOND", default=1_000)
"""A connection may send: far above people, below one engine's capacity."""
ORDERS_PER_SECOND = env.int("ORDERS_PER_SECOND", default=1_000)
"""Orders, amendments and cancels of a user, over all his connections: many of them must not help."""
REQUESTS_PER_SECOND = env.int("REQUESTS_PER_SECOND", default=100)
"""Queries, subscriptions and the like of a user, or of an address without one: each of them reads the database."""
WRONG_TOKENS_PER_MINUTE = env.int("WRONG_TOKENS_PER_MINUTE", default=30)
"""For one user from one address, twenty times as many from the address: nobody guesses 256 bits, but each guess costs a
look into the database."""
CONNECTIONS_PER_ADDRESS = env.int("CONNECTIONS_PER_ADDRESS", default=1_000)
"""A classroom or a company may come from one address."""
CONNECTIONS_PER_USER = env.int("CONNECTIONS_PER_USER", default=50)
"""Each of them is told everything that happens to the account."""
ANONYMOUS_CONNECTIONS = env.int("ANONYMOUS_CONNECTIONS", default=5_000)
"""Connections that have not authenticated, from all addresses: market data is for everybody, memory is not endless."""
SUBSCRIPTIONS = env.int("SUBSCRIPTIONS", default=2_000)
"""Pairs of a channel and an instrument that a connection may follow: more than a market has."""
LIVE_ORDERS = env.int("LIVE_ORDERS", default=5_000)
"""Live orders of an account in all instruments: ten levels on both sides of 250 instruments. (Bybit has 500 a contract,
Paradex 100 a market, dYdX 200 an account.) An account's own rules may say otherwise; 0: no limit."""
WAITING_ORDERS = env.int("WAITING_ORDERS", default=200)
"""Of them, those that wait for a price. They hold no money, and one price may fire all. (Bybit has 10 an account.)"""
TRAILING_STOPS = env.int("TRAILING_STOPS", default=50)
"""Of them, those that trail: every price moves them."""
QUEUE_LIMIT = env.int("QUEUE_LIMIT", default=10_000)
"""Commands that may wait for the engine; the next one is answered 503. About half a second of work."""
BATCH_LIMIT = env.int("BATCH_LIMIT", default=500)
"""Commands in one commit: large enough that the disk is no limit, small enough that nobody waits long."""
READ_THREADS = env.int("READ_THREADS", default=4)
"""Threads that answer queries, one query of a user at a time: the database works in one while the interpreter works in
another; more of them would only take the interpreter from the engine."""
RISK_WARN, RISK_LIMIT = env.float("RISK_WARN", default=0.8), env.float("RISK_LIMIT", default=1.0)
"""Risk ratios (margin / balance) at which an account is warned, and at which its positions are closed."""
PUSHES_KEPT = env.int("PUSHES_KEPT", default=100_000)
"""Private pushes of the day that an account can `resume` from: seconds of the fastest robot, days of a person."""
BOOK_INTERVAL_MS = env.int("BOOK_INTERVAL_MS", default=50)
"""At most one order book frame in this time, per instrument."""
BAR_INTERVAL_MS = env.int("BAR_INTERVAL_MS", default=250)
"""At most one frame of a bar in this time, per instrument and period: a chart need not move faster."""
PORTFOLIO_INTERVAL_MS = env.int("PORTFOLIO_INTERVAL_MS", default=1_000)
"""At most one `portfolio` frame in this time, per account: as often as venues send it, and nothing beside an order."""
OPERATOR_POLL_SECONDS = env.float("OPERATOR_POLL_SECONDS", default=0.2)
"""How often the engine looks for operators' commands."""
STANDBY_PATIENCE_SECONDS = env.float("STANDBY_PATIENCE_SECONDS", default=0.5)
"""How long the engine's session of PostgreSQL may be silent until a server that stands by ends it and takes over. The
engine says six times in it that it lives, from a thread of its own; what the database itself works on is no silence."""
TOKEN_LOOK_SECONDS = env.float("TOKEN_LOOK_SECONDS", default=1.0)
"""How often it is looked up whether the tokens of live connections are still valid: how long a revoked one may last."""
TOKEN_DAYS = env.int("TOKEN_DAYS", default=30)
"""Days until a token expires."""
PAGE_TOKEN_MINUTES = env.int("PAGE_TOKEN_MINUTES", default=15)
"""Minutes until a token that the trading page was given expires. The page renews it long before; whoever else gets hold
of it has little time."""
DEMO_FUNDS = env.int("DEMO_FUNDS", default=1_000_000)
"""What a demo account begins with: a few lots of each demo instrument, not so many that margin does not matter."""
DEMO_ACCOUNT_DAYS = env.int("DEMO_ACCOUNT_DAYS", default=30)
"""How long a browser stays signed in to the demo account that was made for it. It has no password: afterwards nobody
gets in any more."""
DEMO_ACCOUNTS_PER_HOUR = env.int("DEMO_ACCOUNTS_PER_HOUR", default=60)
"""That one address may make or reset, so many at once too: a class may sit behind it."""
DEMO_ACCOUNTS_PER_DAY = env.int("DEMO_ACCOUNTS_PER_DAY", default=2_000)
"""From all addresses: an account stays in the books, and in the engine's memory, for good."""
SECOND_FACTOR = env.bool("SECOND_FACTOR", default=False)
"""Whether all staff must show a code of their authenticator app. Who has set one up must show it anyway."""
OTP_TOTP_ISSUER = "Bourse"
OTP_TOTP_THROTTLE_FACTOR = 1
"""After each wrong code the next is looked at a second later, then two, four, eight..."""
FOUR_EYES_ABOVE = env.str("FOUR_EYES_ABOVE", default="0")
"""An operator alone may move so much money in 24 hours; what goes beyond waits for another's approval. 0: no limit."""
FOUR_EYES_KINDS = env.list("FOUR_EYES_KINDS", default=[])
"""Commands that always wait for another's approval, such as Settle,Withdraw."""
FOUR_EYES_HOURS = env.float("FOUR_EYES_HOURS", default=24.0)
"""How long a command may wait for it."""
REST_KNOX = {"TOKEN_TTL": timedelta(days=TOKEN_DAYS)}
KNOX_TOKEN_MODEL = "trading.AccessToken"  # noqa: S105  # a model

SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "Bourse",
    "VERSION": "1.6.0",
    "DESCRIPTION": "REST of the exchange. Fields and codes are those of the WebSocket protocol. A failure has one"
    " shape, whatever failed, and a code has one cause. Orders are answered after they are stored.",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "POSTPROCESSING_HOOKS": [],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token of the user, as for the socket: from an operator, or made under tokens/.",
            },
            "user": {
                "type": "apiKey",
                "in": "header",
                "name": "X-User-ID",
                "description": "The user whose token it is. A token of somebody else is refused with 401.",
            },
        }
    },
}
"""The OpenAPI document. Its version is that of the contract in docs/contracts/."""

# --- Django

INSTALLED_APPS = [
    "daphne",
    "trading.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "trading",
    "marketdata",
    "bots",
    "exchange_site.cluster",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "exchange_site.security.headers.browser_policies",
    "exchange_site.security.reject_nul.NoNul",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "exchange_site.security.office_door.office_of_market",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "exchange_site.security.staff_door.staff_door",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
ROOT_URLCONF = "exchange_site.urls"
ASGI_APPLICATION = "exchange_site.asgi.application"
AUTH_USER_MODEL = "trading.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
CHANNEL_LAYERS = {
    "default": {"BACKEND": "trading.delivery.channel_layer.InProcessLayer", "CONFIG": {"capacity": MAX_OUTBOX}}
}

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "中文")]
"""Of the back office: the browser's, or what was chosen there. (The trading page knows its own.)"""
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

STATIC_URL = "/static/"
"""Absolute: a relative one would be that of whichever market's office is opened first."""
STATICFILES_DIRS: list[Path | tuple[str, Path]] = [BASE_DIR / "static"]
CHART_LIBRARY = BASE_DIR / "node_modules" / "lightweight-charts" / "dist"
"""The candle chart of the trading page, from npm. The page works without it, and says how to install it."""
if CHART_LIBRARY.is_dir():
    STATICFILES_DIRS.append(("lightweight-charts", CHART_LIBRARY))
WHITENOISE_USE_FINDERS = True

# --- security: HTTPS=on is for production, where TLS ends here or at a proxy; plain HTTP is for loopback

HTTPS = env.bool("HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
"""Whoever reaches us without the proxy could say any X-Forwarded-...: believed only when told to."""
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_AGE = env.int("SESSION_SECONDS", default=43_200)
"""A working day: a browser that an operator forgot is nobody's the next morning."""
SESSION_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
"""Forms of other sites come without our cookies; a link to a page of the admin still opens it."""

LOGIN_ATTEMPTS = env.int("LOGIN_ATTEMPTS", default=10)
"""Wrong passwords for one user name, or from one address, until it is locked: more than people mistype, and with the
lock below about a thousand guesses a day."""
LOGIN_LOCK_SECONDS = env.int("LOGIN_LOCK_SECONDS", default=900)
"""How long, counted from the last wrong password: short enough to wait for."""
AXES_FAILURE_LIMIT, AXES_COOLOFF_TIME = LOGIN_ATTEMPTS, timedelta(seconds=LOGIN_LOCK_SECONDS)
AXES_LOCKOUT_PARAMETERS = ["username", "ip_address"]
"""Each for itself: many addresses do not help against one user, nor many names from one address."""
AXES_RESET_ON_SUCCESS = False
"""Or whoever has an account could wipe his address clean between guesses at others."""
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
"""Or whoever goes on guessing could keep an operator out for ever."""
AXES_CLIENT_IP_CALLABLE = "exchange_site.security.login_lockout.client_address"
AXES_LOCKOUT_CALLABLE = "exchange_site.security.login_lockout.locked_out"
AXES_SENSITIVE_PARAMETERS = ["username", "csrfmiddlewaretoken", "old_password", "new_password1", "new_password2"]
"""Neither logged nor stored as sent. A name, too, may be a password that went into the wrong field."""
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = AXES_VERBOSE = False
"""The page in the admin is our own, and a log line names the address only."""

# --- what operators see

LOG_FORMAT = env.str("LOG_FORMAT", default="text")
"""`text` for people at a terminal, `json` for machines: one line an event."""
if LOG_FORMAT not in ("text", "json"):
    raise ImproperlyConfigured(f"LOG_FORMAT is text or json, not {LOG_FORMAT!r}")
LOG_FILE = env.str("LOG_FILE", default="")
"""Where it goes, as lines of JSON; the terminal then has warnings and a line a minute. Empty: to the standard error."""
if LOG_FILE:
    Path(LOG_FILE).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
LOG_ORDERS = env.bool("LOG_ORDERS", default=False)
"""One line for every answered command, to follow an order by its ids. Off, because it costs a fifth of the speed."""
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
"""Who may read `/metrics` brings it as `Authorization: Bearer`. Empty: only programs on this machine may."""

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "exchange_site.monitoring.log_format.TextLines"},
        "json": {"()": "exchange_site.monitoring.log_format.JsonLines"},
    },
    "filters": {"strangers": {"()": "exchange_site.monitoring.log_format.StrangersAreNoErrors"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "level": "WARNING" if LOG_FILE else "NOTSET",
            "filters": ["strangers"],
        },
    },
    "root": {
        "handlers": ["stderr", *(["file"] if LOG_FILE else [])],
        "level": env.str("LOG_LEVEL", default="INFO"),
    },
    "loggers": {"django": {"handlers": [], "propagate": True}},
}
if LOG_FILE:
    LOGGING["handlers"]["file"] = {
        "class": "exchange_site.monitoring.log_format.LogFile",
        "filename": LOG_FILE,
        "maxBytes": 20_000_000,
        "backupCount": 5,
        "delay": True,
        "formatter": "json",
        "filters": ["strangers"],
    }
