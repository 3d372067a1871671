"""Production's index on its own entry: pages and files, and nothing that knows of people.

It needs to read the tables of `indexes` and the files in storage, and writes no more than when a
reader's token was last used.
"""

from portal.settings.prod import *

INSTALLED_APPS = ["indexes"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "portal.index_urls"
# Pages are stored as bytes; what goes wrong is said in Django's few words.
TEMPLATES = []
