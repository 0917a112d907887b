"""The one typed tree of settings. Read once, in `__main__`: a TOML file, then the environment, then flags.

An environment variable is the path with double underscores: `INSPECTD_KAFKA__BOOTSTRAP_SERVERS`. Nothing else in the
package reads the environment.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from iad_unify.catalog import EXPERT_SIZE, LARGEST_SQUARE, LEAST_SQUARE, SQUARE_STEP
from inspectd.errors import Misconfigured

Square = Annotated[int, Field(ge=LEAST_SQUARE, le=LARGEST_SQUARE, multiple_of=SQUARE_STEP)]
#: Unset or empty is none: docker-compose.yml hands a variable that is not set on as an empty one.
PemFile = Annotated[Path | None, BeforeValidator(lambda value: value or None)]


class Section(BaseModel):
    """A group of settings; an unknown name is an error, so that a typing mistake does not pass for a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSettings(Section):
    """The broker and the topics."""

    bootstrap_servers: str = Field("127.0.0.1:9092", description="Comma-separated host:port list.")
    group_id: str = Field("inspectd", description="Consumer group; daemons of one group share the partitions.")
    frames_topic: str = Field("inspectd.frames", description="Frames come in; keyed by camera.")
    inspections_topic: str = Field("inspectd.inspections", description="One verdict per frame; keyed by camera.")
    events_topic: str = Field("inspectd.events", description="Every revision of every event; keyed by camera.")
    event_state_topic: str = Field("inspectd.event-state", description="Compacted: each event's newest revision.")
    dead_letters_topic: str = Field("inspectd.frames.dlq", description="Frames that cannot be inspected.")
    jobs_topic: str = Field("inspectd.augmentation-jobs", description="Augmentation jobs; keyed by job.")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How the broker's listener is protected."
    )
    sasl_mechanism: str = Field("", description="Such as SCRAM-SHA-512; needed with SASL.")
    sasl_username: str = Field("", description="User of the SASL login.")
    sasl_password: SecretStr = Field(SecretStr(""), description="Its password.")
    ssl_cafile: str = Field("", description="PEM file of the authority that signed the broker's certificate.")
    max_poll_interval_s: float = Field(300.0, gt=0, description="Longest time between two polls of a group member.")
    session_timeout_s: float = Field(10.0, gt=0, description="A member without heartbeat for so long is out.")


class FrameSettings(Section):
    """Where frames come from and which are too large."""

    source: str = Field("kafka", description="kafka, folder:DIR, video:FILE, rtsp://…, usb:N or simulated.")
    camera: str = Field("camera", description="Camera id of a direct source.")
    rate: float = Field(0.0, ge=0, description="Frames per second of a direct source; 0 is as fast as they come.")
    loop: bool = Field(False, description="Start a folder or video again when it ends.")
    limit: int = Field(0, ge=0, description="A direct source ends after so many frames; 0 means no limit.")
    max_frame_bytes: int = Field(512 * 1024, gt=0, description="Largest inline picture.")
    max_blob_bytes: int = Field(
        32 * 1024 * 1024,
        gt=0,
        description="Largest picture that no Kafka record holds: by reference, from a direct source, or sent to the API.",
    )
    max_pixels: int = Field(50_000_000, gt=0, description="Largest picture, width times height.")
    blob_allow_list: tuple[str, ...] = Field((), description="fsspec URI prefixes that a frame may refer to.")
    max_in_flight: int = Field(16, gt=0, description="Frames being inspected at once.")


class VisionSettings(Section):
    """Where the models run."""

    backend: Literal["local", "triton"] = Field(
        "local", description="Processes of the daemon's own, or a Triton Inference Server."
    )
    expert_checkpoint: Path | None = Field(
        None,
        description="Checkpoint folder; the shipped tiny one when unset. With backend triton only for `calibrate --memory` and "
        "`--template`: the one that is served.",
    )
    explainer_checkpoint: Path | None = Field(None, description="As expert_checkpoint; backend local only.")
    editor_checkpoint: Path | None = Field(None, description="As explainer_checkpoint.")
    references: Path | None = Field(
        None,
        description="Folder of memories of good parts and golden templates (`calibrate --memory`, `--template`); "
        "state_dir/references when unset. With Triton: the folder that its parameter `references` names.",
    )
    reference_tokens: bool = Field(
        False,
        description="The explainer is also told what a good part looks like at each region: the golden template of a camera "
        "(`calibrate --template`), else the part of its memory (`calibrate --memory`) most like the frame. For explainers that "
        "were trained with `--references`, as the shipped one is; others ignore it. A frame with regions then takes about twice "
        "the expert's time.",
    )
    square_px: Square = Field(
        EXPERT_SIZE,
        description="Side of the square that frames are brought to; a multiple of 32. One that is larger than the expert's "
        "input is looked at in tiles: it shows smaller defects, at a cost that grows with its area.",
    )
    camera_square_px: dict[str, Square] = Field(
        {}, description="The same for single cameras: a table from camera id to side."
    )
    threads: int = Field(1, gt=0, description="CPU threads of each local model process.")
    max_batch_size: int = Field(8, gt=0, description="Most frames of one local call.")

    def square_of(self, camera_id: str) -> int:
        """Side of the square that a camera's frames are brought to, pixels."""
        return self.camera_square_px.get(camera_id, self.square_px)


class TritonSettings(Section):
    """The inference server."""

    url: str = Field("127.0.0.1:8001", description="host:port of Triton's gRPC endpoint.")
    timeout_s: float = Field(10.0, gt=0, description="Deadline of one region_expert request.")
    explain_timeout_s: float = Field(60.0, gt=0, description="Deadline of one explainer answer.")


class RedisSettings(Section):
    """The cache of region tokens."""

    url: SecretStr = Field(SecretStr(""), description="redis://host:port/db; empty keeps tokens in memory.")
    ttl_s: int = Field(7 * 24 * 3600, gt=0, description="How long tokens are kept.")
    max_entries: int = Field(4096, gt=0, description="Bound of the in-memory cache.")


class DatabaseSettings(Section):
    """Events, thresholds, jobs and the ledger."""

    url: SecretStr = Field(SecretStr(""), description="SQLAlchemy URL; empty is SQLite under state_dir.")
    verdict_retention_days: float = Field(
        0.0,
        ge=0,
        description="Verdicts on frames older than this are removed; 0 keeps them for ever. Events stay, and so do the counts "
        "of each camera. Not below what `drift.window_hours` and `calibrate --from-reviews` look back, nor the time that the "
        "frames topic keeps.",
    )


class EvidenceSettings(Section):
    """Kept pictures."""

    uri: str = Field("", description="fsspec URI of a directory or object store; empty is under state_dir.")
    retention_days: float = Field(30.0, gt=0, description="Pictures of events older than this are removed.")
    retention_bytes: int = Field(20 * 1024**3, gt=0, description="Beyond it the oldest pictures are removed.")
    good_frames_per_camera: int = Field(32, ge=0, description="Good frames kept per camera for edits.")
    good_frame_every_s: float = Field(5.0, ge=0, description="Least time between two kept good frames of a camera.")


class DeadLetterSettings(Section):
    """Frames that cannot be inspected, as a daemon without Kafka keeps them. With Kafka the topic's retention holds."""

    retention_days: float = Field(30.0, gt=0, description="Letters older than this are removed.")
    retention_bytes: int = Field(5 * 1024**3, gt=0, description="Beyond it the oldest letters are removed.")


class ExplanationSettings(Section):
    """The words."""

    enabled: bool = Field(True, description="Whether events get words.")
    language: Literal["en", "ko", "zh", "de"] = Field(
        "en", description="Of the sentence that each event gets: English, Korean, Chinese or German."
    )
    queue_size: int = Field(1024, gt=0, description="Events waiting for words; beyond it they are EXPIRED.")
    batch_size: int = Field(8, gt=0, description="Questions asked at once.")
    deadline_s: float = Field(600.0, gt=0, description="An event older than this is EXPIRED instead of explained.")
    least_type_confidence: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Below this probability of the likeliest type, words name none: a defect of unclear type. 0 names the "
        "likely ones.",
    )
    image_crop: bool = Field(
        False,
        description="Whether the explainer is also shown the kept frame, made small. Only one that was trained with `--crops` "
        "looks at it.",
    )


class ConfirmedSettings(Section):
    """What was confirmed is remembered by its regions; later regions like them are named, and the event is cited."""

    enabled: bool = Field(True, description="Whether confirmed events are remembered and consulted.")
    neighbours: int = Field(5, gt=0, le=100, description="Confirmed events that vote on the type of a region at most.")
    least_similarity: float = Field(
        0.85, ge=0, le=1, description="Cosine below which a confirmed region is not like another one."
    )
    same_camera: bool = Field(False, description="Whether only events of the same camera are consulted.")
    most_regions: int = Field(
        4096, gt=0, description="Regions that are searched at most, the newest ones of the served model version."
    )


class AlertSettings(Section):
    """Who is told of an event outside the dashboard."""

    webhook_url: str = Field("", description="Receives a POST with the event, or the drift, as JSON; empty sends none.")
    cooldown_s: float = Field(10.0, ge=0, description="Least time between two notifications of one camera.")


class DriftSettings(Section):
    """When the scores of good frames no longer fit a camera's calibration. Only calibrated cameras are watched."""

    enabled: bool = Field(True, description="Whether drift is measured.")
    every_s: float = Field(60.0, gt=0, description="Time between two measures.")
    window_hours: float = Field(24.0, gt=0, description="How far a measure looks back.")
    max_frames: int = Field(
        10_000, gt=0, description="Frames of one camera that are measured at most, the newest ones."
    )
    least_frames: int = Field(300, gt=0, description="Good frames that a comparison of scores takes at least.")
    ks_distance: float = Field(
        0.15, gt=0, le=1, description="Kolmogorov-Smirnov distance from the calibration's scores that is a drift."
    )
    psi: float = Field(0.25, gt=0, description="Population stability index that is a drift.")
    alarm_factor: float = Field(
        2.0, ge=1, description="So many times the promised rate of false alarms (rejected events) is a drift."
    )
    significance: float = Field(
        0.001, gt=0, lt=0.5, description="Chance that a window alarms although nothing has drifted."
    )
    clear_share: float = Field(
        0.8, gt=0, le=1, description="A drift is over when every measure is below this share of its setting."
    )


class ApiSettings(Section):
    """The gRPC server."""

    host: str = Field("127.0.0.1", description="Address to listen on; beyond loopback a token and TLS are required.")
    port: int = Field(50051, ge=0, le=65535, description="0 takes a free port.")
    token: SecretStr = Field(SecretStr(""), description="Bearer token; required on a non-loopback host.")
    tls_certificate: PemFile = Field(None, description="PEM chain; required on a non-loopback host.")
    tls_key: PemFile = Field(None, description="Its private key, PEM.")
    max_message_bytes: int = Field(64 * 1024 * 1024, gt=0, description="Largest request or answer.")


class DashboardSettings(Section):
    """The operator's page, /metrics and /health."""

    host: str = Field("127.0.0.1", description="Address to listen on; beyond loopback a token and TLS are required.")
    port: int = Field(8080, ge=0, le=65535, description="0 takes a free port.")
    token: SecretStr = Field(SecretStr(""), description="Bearer token or password; required on a non-loopback host.")
    tls_certificate: PemFile = Field(None, description="PEM chain; required on a non-loopback host.")
    tls_key: PemFile = Field(None, description="Its private key, PEM.")
    tls_before: bool = Field(
        False, description="Plain HTTP is right: a TLS proxy, or a port published on loopback only, stands before it."
    )


class AugmentationSettings(Section):
    """Synthetic defects."""

    enabled: bool = Field(True, description="Whether this daemon works on augmentation jobs.")
    datasets: Path | None = Field(None, description="Where datasets are written; state_dir/datasets when unset.")
    attempts_per_edit: int = Field(3, gt=0, description="Tries for one edit before the job gives it up.")


class Settings(BaseSettings):
    """All of it."""

    model_config = SettingsConfigDict(
        env_prefix="INSPECTD_", env_nested_delimiter="__", extra="forbid", frozen=True, toml_file=None
    )

    state_dir: Path = Field(Path("~/.local/state/inspectd"), description="Everything the daemon keeps on this machine.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_json: bool = Field(False, description="JSON lines instead of readable ones.")
    kafka: KafkaSettings = KafkaSettings()
    frames: FrameSettings = FrameSettings()
    vision: VisionSettings = VisionSettings()
    triton: TritonSettings = TritonSettings()
    redis: RedisSettings = RedisSettings()
    database: DatabaseSettings = DatabaseSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    dead_letters: DeadLetterSettings = DeadLetterSettings()
    explanations: ExplanationSettings = ExplanationSettings()
    confirmed: ConfirmedSettings = ConfirmedSettings()
    alerts: AlertSettings = AlertSettings()
    drift: DriftSettings = DriftSettings()
    api: ApiSettings = ApiSettings()
    dashboard: DashboardSettings = DashboardSettings()
    augmentation: AugmentationSettings = AugmentationSettings()

    @property
    def state(self) -> Path:
        """`state_dir` with the home directory filled in."""
        return self.state_dir.expanduser()

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database.url.get_secret_value() or f"sqlite:///{self.state / 'inspectd.db'}"

    @property
    def evidence_uri(self) -> str:
        """The evidence store in force."""
        return self.evidence.uri or str(self.state / "evidence")

    @property
    def references_dir(self) -> Path:
        """Where memories of good parts lie."""
        return (self.vision.references or self.state / "references").expanduser()

    @property
    def datasets_dir(self) -> Path:
        """Where augmentation jobs write."""
        return (self.augmentation.datasets or self.state / "datasets").expanduser()


def load_settings(file: Path | None = None, **flags: Any) -> Settings:
    """Reads the file, the environment and the flags, the last one strongest. Raises Misconfigured with the setting's name."""
    if file is not None and not file.is_file():
        raise Misconfigured("--config", f"{file} is not a file", "Give the path of a TOML file")

    class Sources(Settings):
        """`Settings` with the given file as its weakest source."""

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)

    try:
        return Sources(**flags)
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        variable = "INSPECTD_" + path.upper().replace(".", "__")
        raise Misconfigured(
            path, str(first["msg"]), f"Set {variable}, or `{path}` in the configuration file"
        ) from error
