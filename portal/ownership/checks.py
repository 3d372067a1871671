"""What `manage.py check` says of the settings of proofs."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from portal.ownership.owners import policy
from portal.ownership.policy import InvalidPolicy


@register()
def policy_can_be_meant(**_kwargs: Any) -> list[CheckMessage]:
    try:
        policy()
    except InvalidPolicy as error:
        hint = "See portal/ownership/policy.py and the default in portal/settings/base.py."
        return [Error(f"AFFINEUR_PROOF_POLICY: {error}.", hint=hint, id="ownership.E001")]
    return []
