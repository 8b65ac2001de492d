"""All settings. Differences between machines come from the environment; docs/operations.md lists every variable."""

from datetime import timedelta
from pathlib import Path

import environ
from django.core.management.utils import get_random_secret_key

env = environ.Env()
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
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'bourse.sqlite3'}")}
SQLITE = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
if SQLITE:
    DATABASES["default"]["OPTIONS"] = {
        # FULL: a commit is on the disk when it returns. IMMEDIATE: a writer waits for its turn at the start of its
        # transaction, not in the middle, where SQLite could only refuse.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536;",
        "transaction_mode": "IMMEDIATE",
        "timeout": env.float("DATABASE_TIMEOUT", default=5.0),
    }
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- the exchange

MARKET = env.str("MARKET", default="MAIN")
PING_SECONDS = env.float("PING_SECONDS", default=5.0)
"""The server pings every connection this often (protocol document)."""
IDLE_SECONDS = env.float("IDLE_SECONDS", default=10.0)
"""A connection that has sent nothing for so long is closed with 4408 (protocol document)."""
MAX_FRAME = env.int("MAX_FRAME", default=32_768)
"""Characters of a client frame. The largest honest one, 50 orders with all their fields, has about 20,000."""
MAX_OUTBOX = env.int("MAX_OUTBOX", default=10_000)
"""Frames that may wait for a slow reader before it is closed with 4409: a few seconds of a busy account."""
RATE_LIMITS = env.bool("RATE_LIMITS", default=True)
"""Off only for benches."""
FRAMES_PER_SECOND = env.int("FRAMES_PER_SECOND", default=1_000)
"""Frames a second a connection may send, with twice as many at once: far above people, below one engine's capacity."""
QUEUE_LIMIT = env.int("QUEUE_LIMIT", default=10_000)
"""Commands that may wait for the engine; the next one is answered 503. About half a second of work."""
BATCH_LIMIT = env.int("BATCH_LIMIT", default=500)
"""Commands in one commit: large enough that the disk is no limit, small enough that nobody waits long."""
RISK_WARN, RISK_LIMIT = env.float("RISK_WARN", default=0.8), env.float("RISK_LIMIT", default=1.0)
"""Risk ratios (margin / balance) at which an account is warned, and at which its positions are closed."""
BOOK_INTERVAL_MS = env.int("BOOK_INTERVAL_MS", default=50)
"""At most one order book frame in this time, per instrument."""
OPERATOR_POLL_SECONDS = env.float("OPERATOR_POLL_SECONDS", default=0.2)
"""How often the engine looks for operators' commands."""
TOKEN_DAYS = env.int("TOKEN_DAYS", default=30)
"""Days until a token expires."""
REST_KNOX = {"TOKEN_TTL": timedelta(days=TOKEN_DAYS)}
KNOX_TOKEN_MODEL = "trading.AccessToken"  # noqa: S105  # a model

# --- Django

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "knox",
    "trading",
    "marketdata",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "exchange_site.headers.content_security_policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
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
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
CHANNEL_LAYERS = {"default": {"BACKEND": "trading.layers.InProcessLayer", "CONFIG": {"capacity": MAX_OUTBOX}}}

LANGUAGE_CODE = "en-us"
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True

# --- security: HTTPS=on is for production, where TLS ends here or at a proxy; plain HTTP is for loopback

HTTPS = env.bool("HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("BEHIND_PROXY", default=False) else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {"django": {"handlers": [], "propagate": True}},
}
