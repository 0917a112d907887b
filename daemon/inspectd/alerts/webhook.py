"""Notifications by HTTP POST: the event or the drift as protobuf's JSON."""

import httpx
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from inspectd.convert import drift_to_proto, event_to_proto
from inspectd.errors import Misconfigured, Rejected, Unavailable
from inspectd.records import DefectEvent, ScoreDrift

TIMEOUT_S = 10.0


class WebhookNotifier:
    """One URL; 2xx is taken, 5xx and 429 mean later, anything else means never."""

    def __init__(self, *, url: str) -> None:
        """Raises Misconfigured for an address to which nothing can be sent."""
        self._url, self._recipient = url, f"alerts.webhook_url at {_checked(url)}"
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S)

    async def notify(self, event: DefectEvent) -> None:
        """See the port."""
        await self._post(event_to_proto(event), event.etag, "inspectd.v1.defect-event")

    async def warn(self, drift: ScoreDrift) -> None:
        """See the port."""
        await self._post(drift_to_proto(drift), drift.alarm_id, "inspectd.v1.score-drift")

    async def _post(self, message: Message, ce_id: str, ce_type: str) -> None:
        body = MessageToJson(message, preserving_proto_field_name=True)
        headers = {"content-type": "application/json", "ce-id": ce_id, "ce-type": ce_type}
        try:
            response = await self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise Unavailable(f"{self._recipient}: {error!r}") from error
        if response.status_code >= 500 or response.status_code == 429:
            raise Unavailable(f"{self._recipient} answered {response.status_code}")
        if not response.is_success:
            raise Rejected("webhook", f"{self._recipient} answered {response.status_code}")

    async def close(self) -> None:
        """See the port."""
        await self._client.aclose()


def _checked(url: str) -> str:
    """Host and port, for messages: the rest of a webhook's address is often its password."""
    try:
        parsed = httpx.URL(url)
        host, port = parsed.host, parsed.port  # reads the international form of the host, too
    except (httpx.InvalidURL, UnicodeError):
        host, port = "", None
    if not host or parsed.scheme not in ("http", "https") or (port or 80) > 65535:
        raise Misconfigured(
            "alerts.webhook_url",
            "it is not an http:// or https:// address with a host and, if any, a port up to 65535",
            "Set INSPECTD_ALERTS__WEBHOOK_URL to one such as http://127.0.0.1:9000/hook, or to nothing",
        )
    return parsed.netloc.decode("ascii")
