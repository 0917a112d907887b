"""Notifications by HTTP POST: the event or the drift as protobuf's JSON."""

import httpx
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from inspectd.convert import drift_to_proto, event_to_proto
from inspectd.errors import Rejected, Unavailable
from inspectd.records import DefectEvent, ScoreDrift

TIMEOUT_S = 10.0


class WebhookNotifier:
    """One URL; 2xx is taken, 5xx and 429 mean later, anything else means never."""

    def __init__(self, *, url: str) -> None:
        self._url, self._client = url, httpx.AsyncClient(timeout=TIMEOUT_S)

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
            raise Unavailable(f"alerts.webhook_url {self._url}: {error!r}") from error
        if response.status_code >= 500 or response.status_code == 429:
            raise Unavailable(f"alerts.webhook_url {self._url} answered {response.status_code}")
        if not response.is_success:
            raise Rejected("webhook", f"alerts.webhook_url {self._url} answered {response.status_code}")

    async def close(self) -> None:
        """See the port."""
        await self._client.aclose()
