import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings.dev")

django_application = get_wsgi_application()

# Django is set up by now, and the index imports models.
from indexes.wsgi import IndexApplication  # noqa: E402

application = IndexApplication(django_application)
