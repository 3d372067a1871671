"""What production settings must not allow, tried in a process that has them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PRODUCTION = {
    "PATH": os.environ["PATH"],
    "DJANGO_SETTINGS_MODULE": "portal.settings.prod",
    "AFFINEUR_SECRET_KEY": "only for this test, and long enough to please the checks of Django",
    "AFFINEUR_ALLOWED_HOSTS": "affineur.example",
    "AFFINEUR_PUBLIC_URL": "https://affineur.example",
    "AFFINEUR_CONTACT": "operator@affineur.example",
    "AFFINEUR_DATABASE": "sqlite:///nowhere.sqlite3",
    "AFFINEUR_BROKER": "memory://",
    "AFFINEUR_EMAIL": "smtp://mail.example",
    "AFFINEUR_EMAIL_FROM": "affineur@affineur.example",
}


def run(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{code}"],
        env=environment,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("path", ["account/development/", "api/v1/development/sign-in/"])
def test_production_has_no_development_sign_in(path: str, tmp_path: Path) -> None:
    code = (
        "from django.urls import resolve, Resolver404\n"
        f"try:\n    print(resolve('/{path}').route)\n"
        "except Resolver404:\n    print('no such page')\n"
    )

    done = run(code, PRODUCTION)
    development = {
        **PRODUCTION,
        "DJANGO_SETTINGS_MODULE": "portal.settings.dev",
        "AFFINEUR_DATA_DIR": str(tmp_path),
    }
    in_development = run(code, development)

    # Under api/v1/ what is not there is answered by the API itself.
    assert done.stdout.strip() in {"no such page", "api/v1/(?:.*/)?$"}, done.stderr
    assert in_development.stdout.strip() == path, in_development.stderr


@pytest.mark.parametrize("name", sorted(set(PRODUCTION) - {"PATH", "DJANGO_SETTINGS_MODULE"}))
def test_production_does_not_start_without_a_required_setting(name: str) -> None:
    without = {key: value for key, value in PRODUCTION.items() if key != name}

    done = run("", without)

    assert done.returncode != 0
    assert f"{name} is not set" in done.stderr


def test_a_builder_imports_neither_settings_nor_the_control_side() -> None:
    # kombu takes a class of django.utils where Django is installed; that reads no setting.
    code = (
        "import sys, builds.builder\n"
        "unwanted = {'django.conf', 'django.db', 'rest_framework', 'boto3', 'psycopg', 'portal',"
        " 'builds.models', 'builds.services', 'indexes.models', 'indexes.services'}\n"
        "print(sorted(unwanted & set(sys.modules)))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"]},
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.stdout.strip() == "[]", done.stderr


def test_the_web_processes_of_production_count_together(tmp_path: Path) -> None:
    database = {**PRODUCTION, "AFFINEUR_DATABASE": f"sqlite:///{tmp_path / 'database.sqlite3'}"}
    run("from django.core.management import call_command\ncall_command('migrate')", database)
    code = (
        "from django.core.cache import cache\n"
        "cache.add('requests', 0)\n"
        "print(cache.incr('requests'))\n"
    )

    done = [run(code, database) for _ in range(2)]

    assert [one.stdout.strip() for one in done] == ["1", "2"], done[-1].stderr


def test_the_index_on_its_own_entry_knows_nobody(tmp_path: Path) -> None:
    alone = {
        **PRODUCTION,
        "DJANGO_SETTINGS_MODULE": "portal.settings.index",
        "AFFINEUR_DATABASE": f"sqlite:///{tmp_path / 'database.sqlite3'}",
    }
    code = (
        "from django.core.management import call_command\n"
        "from django.test import Client\n"
        "call_command('migrate', verbosity=0)\n"
        "client = Client(headers={'host': 'affineur.example', 'x-forwarded-proto': 'https'})\n"
        "for path in ('/simple/', '/healthz', '/wheels/simple/x/', '/account/login/', '/admin/'):\n"
        "    answer = client.get(path)\n"
        "    print(answer.status_code, dict(answer.cookies))\n"
        "import sys\n"
        "print(sorted({'allauth', 'rest_framework', 'portal.accounts'} & set(sys.modules)))\n"
    )

    done = run(code, alone)

    assert done.stdout.splitlines() == ["200 {}", "200 {}", "404 {}", "404 {}", "404 {}", "[]"], (
        done.stderr
    )
