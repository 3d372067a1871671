"""The tables of the index alone, in the database that the environment names; files in memory."""

from portal.settings.base import *  # noqa: F403  # as all settings do

SECRET_KEY = "only for measurements"
INSTALLED_APPS = ["indexes"]
AFFINEUR_STORAGE = "memory"
