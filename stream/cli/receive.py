"""`gateway`: the part that takes Daily's webhooks in.

Law: it does not start unless it can tell Daily from anyone else.
"""

from stream.cli import given
from stream.cli.output import flush, say, write_line, wrong
from stream.gateway.openapi import WEBHOOKS_PATH
from stream.gateway.service import Unverifiable, run
from stream.logs import configure_logs
from stream.settings import PREFIX


def gateway() -> None:
    """Take Daily's webhooks in, verified, onto the events topic, until told to stop.

    Daily is answered 200 once the broker has the body for good, and 503 when
    it has not within five seconds. It keeps running while workers restart,
    and several may share the work behind a load balancer, which is to add
    TLS. Its address goes to stdout, logs go to stderr.

    For example:
      PRESETWATCH_WEBHOOK_HMAC="$(openssl rand -base64 32)" presetwatch gateway

    Settings: PRESETWATCH_WEBHOOK_HMAC, PRESETWATCH_WEBHOOK_BASIC_AUTH,
    PRESETWATCH_WEBHOOK_TOLERANCE, PRESETWATCH_GATEWAY_HOST,
    PRESETWATCH_GATEWAY_PORT, PRESETWATCH_KAFKA_BOOTSTRAP.
    """
    settings = given.settings()
    configure_logs(settings)
    host, port = settings.gateway_host, settings.gateway_port

    def introduce() -> None:
        write_line(f"http://{f'[{host}]' if ':' in host else host}:{port}{WEBHOOKS_PATH}".encode())
        flush()
        say("Ctrl-C stops the gateway.")

    try:
        run(settings, introduce)
    except Unverifiable as why:
        raise wrong(str(why)) from None
    except OSError as error:
        raise wrong(
            f"The gateway cannot listen on {host}:{port} ({error.strerror}): set {PREFIX}GATEWAY_PORT to a free port, "
            "or stop what listens there."
        ) from None
