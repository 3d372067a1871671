"""The tables of the index alone, in the database that the environment names; files in memory."""

from portal.settings.base import *

SECRET_KEY = "only for measurements"
INSTALLED_APPS = ["indexes"]
AFFINEUR_STORAGE = "memory"
