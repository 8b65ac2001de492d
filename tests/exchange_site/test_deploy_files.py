"""The files of `deploy/` name what is there: settings, programs, ports, services, and each other."""

import re
import shlex
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from exchange_site import asgi

ROOT = Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SETTINGS = set(re.findall(r"env\.\w+\(\s*\"([A-Z_]+)\"", (ROOT / "exchange_site/settings.py").read_text()))
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "bourse"}


def assignments(text: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))


EXAMPLE = assignments((DEPLOY / "bourse.env.example").read_text())
LINES = (DEPLOY / "Dockerfile").read_text().splitlines()
DOCKERFILE = [line.split(maxsplit=1) for line in LINES if line and not line.startswith("#")]


def unit(path: Path) -> ConfigParser:
    parser = ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as systemd has it
    parser.read_string(path.read_text())
    return parser


def commands() -> dict[str, list[str]]:
    """What each of the files starts."""
    procfile = dict(line.split(": ", 1) for line in (DEPLOY / "Procfile").read_text().splitlines() if line[:1] != "#")
    words = {f"Procfile {name}": shlex.split(line) for name, line in procfile.items()}
    words |= {path.name: shlex.split(unit(path)["Service"]["ExecStart"]) for path in UNITS}
    words |= {f"compose {name}": service["command"] for name, service in OURS.items() if "command" in service}
    (image,) = (yaml.safe_load(rest) for word, rest in DOCKERFILE if word == "CMD")
    return words | {"Dockerfile": image}


COMMANDS = commands()


@pytest.mark.parametrize("said", [EXAMPLE, *(service["environment"] for service in OURS.values())])
def test_what_is_set_are_settings(said: dict[str, str]) -> None:
    assert said and set(said) <= SETTINGS
    assert {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ALLOWED_HOSTS", "HTTPS", "BEHIND_PROXY"} <= set(said)


def test_the_image_sets_settings() -> None:
    (said,) = (dict(pair.split("=") for pair in rest.split()) for word, rest in DOCKERFILE if word == "ENV")
    assert set(said) - {"PYTHONUNBUFFERED"} <= SETTINGS
    for service in OURS.values():
        assert service["volumes"] == [f"bourse:{said['DATA_DIR']}"], "or files of archived days go with the container"


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_started_is_there(name: str) -> None:
    program, *words = COMMANDS[name]
    assert Path(program).name in ("python", "daphne")
    if Path(program).name == "daphne":
        module, _, what = words[-1].partition(":")
        assert module == asgi.__name__ and hasattr(asgi, what)
    else:
        assert words[0] == "manage.py" and (ROOT / words[0]).exists() and words[1] in get_commands()


def test_nginx_asks_where_gateways_listen() -> None:
    asked = set(re.findall(r"server 127\.0\.0\.1:(\d+)", (DEPLOY / "nginx.conf").read_text()))
    started = {words[words.index("-p") + 1] for name, words in COMMANDS.items() if name.startswith("Procfile gateway")}
    enabled = set(re.findall(r"bourse-gateway@(\d+)", (DEPLOY / "systemd/bourse-gateway@.service").read_text()))
    assert asked == started == enabled != set()


def test_containers_find_each_other() -> None:
    services, volumes = COMPOSE["services"], COMPOSE["volumes"]
    image = COMMANDS["Dockerfile"]
    assert services["gateway"]["ports"][0].rpartition(":")[2] == image[image.index("-p") + 1]
    for service in OURS.values():
        said = service["environment"]
        hosts = {re.sub(r"^\w+://(?:.*@)?([\w-]+).*", r"\1", said[name]) for name in ("DATABASE_URL", "REDIS_URL")}
        assert hosts == {"postgres", "redis"} <= set(services)
        given = services["postgres"]["environment"]
        assert said["DATABASE_URL"].startswith(f"postgres://{given['POSTGRES_USER']}:{given['POSTGRES_PASSWORD']}@")
        assert said["DATABASE_URL"].endswith(f"/{given['POSTGRES_DB']}")
    for service in services.values():
        for other, wanted in service.get("depends_on", {}).items():
            assert wanted["condition"] != "service_healthy" or "healthcheck" in services[other]
            assert wanted["condition"] != "service_completed_successfully" or services[other]["restart"] == "no"
        assert {volume.partition(":")[0] for volume in service.get("volumes", ())} <= set(volumes)
    build = COMPOSE["x-bourse"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")


def test_what_the_image_copies_is_there() -> None:
    copied = [rest.split()[:-1] for word, rest in DOCKERFILE if word == "COPY" and not rest.startswith("--from")]
    assert len(copied) == 3 and all((ROOT / name).exists() for names in copied for name in names)


def test_no_image_holds_what_git_leaves_out() -> None:
    """Secrets and data of whoever builds it, most of all."""
    ours = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().split()]
    wanted = {line[1:] if line.startswith("/") else f"**/{line}" for line in ours} | {".git"}
    assert wanted == {line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")}


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_has_the_folders_and_the_environment_that_the_docs_put_there(path: Path) -> None:
    service = unit(path)["Service"]
    deploy = (ROOT / "docs/deploy.md").read_text()
    assert f"deploy/bourse.env.example {service['EnvironmentFile']}" in deploy
    assert f"git clone ... {service['WorkingDirectory']} " in deploy
    assert service["ExecStart"].startswith(f"{service['WorkingDirectory']}/.venv/bin/")
    assert EXAMPLE["DATA_DIR"] == f"/var/lib/{service['StateDirectory']}", "all else is read-only"
    assert f"--home-dir {EXAMPLE['DATA_DIR']} {service['User']}\n" in deploy
