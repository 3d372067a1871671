"""Expected errors of the building floor; `code` is stable, facts are attributes."""

from pathlib import Path


class BuildsError(Exception):
    """Base of what can be expected to go wrong; the message says what to do."""

    code = "builds-error"


class SigningKeyMissing(BuildsError):
    """Nothing can be published: the operator has to give the farm its key."""

    code = "signing-key-missing"

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(
            f"The farm has no signing key at {path}: an operator makes one with"
            f" `openssl genpkey -algorithm ed25519 -out {path}` (mode 0600)."
            " Builds that wait for it are published once it is there."
        )


class SigningKeyInvalid(BuildsError):
    """The file of the signing key holds something else."""

    code = "signing-key-invalid"

    def __init__(self, path: Path, detail: str) -> None:
        self.path = path
        super().__init__(
            f"The signing key at {path} is no unencrypted Ed25519 key in PEM (PKCS 8): {detail}."
        )


class EnvelopeInvalid(BuildsError):
    """What was said to be signed is not, or not by whom or as what it was said to be."""

    code = "envelope-invalid"

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(f"The envelope does not hold: {detail}.")


class ProvenanceInvalid(BuildsError):
    """A provenance that does not hold."""

    code = "provenance-invalid"

    def __init__(self, filename: str, detail: str) -> None:
        self.filename = filename
        self.detail = detail
        super().__init__(f"The provenance of {filename} does not hold: {detail}.")


class LeaseGone(BuildsError):
    """A builder works on an attempt that is no longer its own."""

    code = "lease-gone"

    def __init__(self, attempt: object) -> None:
        self.attempt = attempt
        super().__init__(f"The lease of attempt {attempt} has ended: stop, and send nothing more.")


class BuilderStopped(BuildsError):
    """A builder asks for a job, and is to have none for a while because of its own faults."""

    code = "builder-stopped"

    def __init__(self, builder: str, seconds: int) -> None:
        self.builder = builder
        self.seconds = seconds
        super().__init__(
            f"{builder or 'This builder'} has had too many faults, and is given no jobs:"
            f" ask again in {seconds} seconds. An operator can let it go on before that."
        )


class UploadRefused(BuildsError):
    """What a builder sends is not one wheel of a bearable size."""

    code = "upload-refused"
