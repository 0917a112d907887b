"""Messages of the API as rows and lines for a terminal. Texts are data: nothing in them is read as markup."""

from datetime import UTC
from typing import Any

import typer
from google.protobuf.json_format import MessageToJson
from rich.text import Text

from inspectd.v1 import augmentation_service_pb2, camera_service_pb2, defect_event_pb2, inspection_pb2

_REVIEW_STYLES = {"UNREVIEWED": "yellow", "ACKNOWLEDGED": "cyan", "CONFIRMED": "red", "REJECTED": "green"}
_JOB_STYLES = {"QUEUED": "dim", "RUNNING": "cyan", "SUCCEEDED": "green", "FAILED": "red", "CANCELLED": "dim"}
_OUTCOME_STYLES = {"PASS": "green", "DEFECT": "bold red", "REJECTED": "yellow", "DROPPED": "yellow"}


def print_json(message: Any) -> None:
    """One line of JSON with the proto's field names."""
    typer.echo(MessageToJson(message, indent=None, preserving_proto_field_name=True))


def clock(message: Any, field: str) -> str:
    """A time field in this machine's zone, or a dash."""
    if not message.HasField(field):
        return "–"
    return str(getattr(message, field).ToDatetime(tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S"))


def defect_type(event: Any) -> str:
    """The type that holds: the reviewer's, else the words', else the expert's."""
    expert = event.regions[0].defect_type if event.regions else "unknown"
    return str(event.review.defect_type or event.explanation.defect_type or expert)


def review(event: Any) -> Text:
    """The review state in its colour."""
    name = defect_event_pb2.Review.State.Name(event.review.state)
    return Text(name.lower(), style=_REVIEW_STYLES.get(name, ""))


def outcome(inspection: Any) -> Text:
    """The verdict in its colour."""
    name = inspection_pb2.Inspection.Outcome.Name(inspection.outcome)
    return Text(name, style=_OUTCOME_STYLES.get(name, ""))


def job_state(job: Any) -> Text:
    """The job's state in its colour."""
    name = augmentation_service_pb2.AugmentationJob.State.Name(job.state)
    return Text(name.lower(), style=_JOB_STYLES.get(name, ""))


def words(explanation: Any) -> Text:
    """The sentence, and how far it can be trusted."""
    name = defect_event_pb2.Explanation.State.Name(explanation.state)
    if name == "READY":
        return Text(explanation.text)
    if name == "UNGROUNDED":
        return Text(explanation.text).append(" (template)", style="dim")
    if name == "PENDING":
        return Text("words pending …", style="dim italic")
    return Text(f"no words: {explanation.failure}", style="dim italic")


def drift(camera: Any) -> Text:
    """Whether the camera's calibration still fits, and by how much."""
    if not camera.HasField("drift"):
        return Text("–")
    found = camera.drift
    name = camera_service_pb2.ScoreDrift.State.Name(found.state)
    if name == "TOO_FEW":
        return Text(f"too few ({found.good_count:,} good)", style="dim")
    shares = f"false alarms {found.false_alarm_share:.2%} of {found.promised_rate:.2%} promised"
    if found.HasField("ks_distance"):
        shares = f"KS {found.ks_distance:.2f}, PSI {found.psi:.2f}, {shares}"
    if name == "DRIFTING":
        return Text(f"scores drift: recalibrate ({shares})", style="yellow")
    return Text(f"steady ({shares})", style="green")


def part(message: Any) -> str:
    """Part and lot, as far as they are known."""
    return " / ".join(value for value in (message.part_id, message.lot) if value) or "–"


def event_line(event: Any) -> Text:
    """One revision of an event on one line."""
    line = Text(clock(event, "capture_time"), style="dim")
    line.append(f"  {event.camera_id}  ", style="bold").append(defect_type(event).replace("_", " "), style="red")
    line.append(f"  {event.score:.3f} ≥ {event.threshold:.3f}  ").append_text(review(event)).append("  ")
    line.append_text(words(event.explanation)).append(f"  {event.event_id} r{event.revision}", style="dim")
    return line
