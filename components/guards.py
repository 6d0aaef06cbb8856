"""What is refused before the first resource is registered.

A refusal is a `pulumi.RunError` whose text begins with `REFUSED`; the commands around the engine know it by that.
"""

from __future__ import annotations

import pulumi

from components.settings import REFUSED, Settings
from providers.mimecast import MimecastError
from providers.mimecast.accounts import Account, AccountMismatch, require
from providers.mimecast.session import from_environment


def check_account(settings: Settings) -> Account | None:
    """Compares region and account code with the live Mimecast account.

    Raises RunError when they differ. Gives the live account, or None when Mimecast did not answer: then the
    comparison is left to the providers, which make it before their first write.
    """
    try:
        return require(from_environment(), settings.account_code, settings.region)
    except AccountMismatch as mismatch:
        raise pulumi.RunError(f"{REFUSED} account: {mismatch}") from None
    except MimecastError as error:
        pulumi.log.warn(
            f"The Mimecast account could not be compared with region {settings.region} and account code "
            f"{settings.account_code} (unknown, not checked): {error}"
        )
        return None
