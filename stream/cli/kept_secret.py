"""The secret of a gateway on this machine: the one that is set, or one that is made once and kept.

Law: it is the same at every start, and only its owner reads the file that keeps it.
"""

from os import O_CREAT, O_EXCL, O_WRONLY, fdopen
from os import open as open_file
from pathlib import Path

from stream.cli.webhook_secret import secret_for
from stream.settings import Settings, read_settings

FILE = "webhook.env"


def keep_secret(settings: Settings) -> Path | None:
    """Return the file that keeps the secret, made if need be; None where the settings have one."""
    if settings.webhook_hmac or settings.webhook_basic_auth:
        return None
    file = settings.data_dir / FILE
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with fdopen(open_file(file, O_WRONLY | O_CREAT | O_EXCL, 0o600), "wb") as written:
            written.write(secret_for(settings, None).as_setting() + b"\n")
    return file


def with_kept(settings: Settings) -> Settings:
    """Return the settings with the secret that is kept, where there is one and they have none."""
    file = settings.data_dir / FILE
    if settings.webhook_hmac or settings.webhook_basic_auth or not file.exists():
        return settings
    return settings.model_copy(update={"webhook_hmac": read_settings(_env_file=file).webhook_hmac})


def secret_in(file: Path | None) -> dict[str, str]:
    """Return the settings that a file holds, for a gateway that is started."""
    if file is None:
        return {}
    found = read_settings(_env_file=file).webhook_hmac
    return {"webhook_hmac": found.get_secret_value()} if found else {}
