"""What every Kafka adapter shares: connection options from the settings, and the driver's errors as ours."""

from typing import Any

from inspectd.errors import InspectdError, Misconfigured, Rejected, Unavailable
from inspectd.settings import KafkaSettings

try:
    from kafka import errors as kafka_errors
except ModuleNotFoundError as error:
    raise Misconfigured(
        "frames.source", "the Kafka client is not installed", "pip install 'inspectd[stack]'"
    ) from error

#: How long a client looks for the first broker. Longer waits are the caller's, who can say what is missing.
BOOTSTRAP_TIMEOUT_S = 10.0


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Not retriable for the driver, yet worth another try for us: the broker or the group changed under our feet.
_AWAY = _words("""
    KafkaError BrokerResponseError UnknownError NoError BrokerNotAvailableError CommitFailedError
    CorruptRecordError CorruptRecordException DuplicateSequenceNumberError FencedInstanceIdError FencedMemberEpochError
    FencedStateEpochError IllegalGenerationError IneligibleReplicaError InvalidFetchRequestError
    InvalidProducerEpochError InvalidProducerIdMappingError InvalidReceiveError InvalidRecordStateError
    KafkaProtocolError LogDirNotFoundError LogTruncationError MemberIdRequiredError NewLeaderElectedError
    NoOffsetForPartitionError OffsetMovedToTieredStorageError OffsetOutOfRangeError OperationNotAttemptedError
    OutOfOrderSequenceNumberError PositionOutOfRangeError ProducerFencedError QuotaViolationError
    ReassignmentInProgressError RebalanceInProgressError SnapshotNotFoundError StaleBrokerEpochError
    StaleControllerEpochError StaleMemberEpochError TransactionAbortableError TransactionAbortedError
    TransactionCoordinatorFencedError UnknownBrokerIdError UnknownControllerIdError UnknownMemberIdError
    UnknownProducerIdError UnreleasedInstanceIdError IllegalStateError InvalidTxnStateError GroupIdNotFoundError
    GroupMaxSizeReachedError BrokerIdNotRegisteredError ResourceNotFoundError TransactionalIdNotFoundError
""")
#: The record itself is refused.
_BAD_RECORD = _words("""
    MessageSizeTooLargeError RecordListTooLargeError InvalidRecordError InvalidTimestampError
    OffsetMetadataTooLargeError InvalidCommitOffsetSizeError TelemetryTooLargeError
""")
#: Somebody has to change a setting, here or at the broker.
_SETTINGS = _words("""
    AuthorizationError ClusterAuthorizationFailedError GroupAuthorizationFailedError TopicAuthorizationFailedError
    TransactionalIdAuthorizationFailedError DelegationTokenAuthorizationFailedError DelegationTokenAuthDisabledError
    DelegationTokenExpiredError DelegationTokenNotFoundError DelegationTokenOwnerMismatchError
    DelegationTokenRequestNotAllowedError PrincipalDeserializationFailureError UnacceptableCredentialError
    InvalidPrincipalTypeError SaslAuthenticationFailedError UnsupportedSaslMechanismError IllegalSaslStateError
    SecurityDisabledError KafkaConfigurationError IllegalArgumentError InvalidConfigurationError InvalidRequestError
    InvalidTopicError InvalidPartitionsError InvalidReplicationFactorError InvalidReplicationAssignmentError
    TopicAlreadyExistsError TopicDeletionDisabledError PolicyViolationError InvalidRequiredAcksError
    InvalidGroupIdError InvalidSessionTimeoutError InconsistentGroupProtocolError GroupSubscribedToTopicError
    NonEmptyGroupError InvalidTransactionTimeoutError UnsupportedVersionError IncompatibleBrokerVersion
    UnrecognizedBrokerVersion UnsupportedCodecError UnsupportedCompressionTypeError UnsupportedForMessageFormatError
    UnsupportedAssignorError UnsupportedEndpointTypeError MismatchedEndpointTypeError UnknownSubscriptionIdError
    DuplicateBrokerRegistrationError DuplicateResourceError DuplicateVoterError VoterNotFoundError
    InconsistentClusterIdError InconsistentVoterSetError InvalidRegistrationError InvalidUpdateVersionError
    InvalidVoterKeyError FeatureUpdateFailedError NoReassignmentInProgressError
""")
_SETTING_OF = (
    (kafka_errors.TopicAuthorizationFailedError, "kafka.sasl_username", "Allow this user the inspectd topics"),
    (kafka_errors.GroupAuthorizationFailedError, "kafka.group_id", "Allow this user the consumer group"),
    (kafka_errors.SaslAuthenticationFailedError, "kafka.sasl_password", "Check kafka.sasl_username and its password"),
    (kafka_errors.UnsupportedSaslMechanismError, "kafka.sasl_mechanism", "Take one that the broker offers"),
    (kafka_errors.IllegalSaslStateError, "kafka.security_protocol", "Check the listener's protocol"),
    (kafka_errors.InvalidSessionTimeoutError, "kafka.session_timeout_s", "Keep it inside the broker's limits"),
    (kafka_errors.InvalidGroupIdError, "kafka.group_id", "Give a non-empty name"),
)


def classify(kind: type[BaseException]) -> type[InspectdError] | None:
    """Which of our errors a driver's exception class becomes; None when nobody has thought about it yet."""
    name = kind.__name__
    if name in _BAD_RECORD:
        return Rejected
    if name in _SETTINGS:
        return Misconfigured
    if name in _AWAY or getattr(kind, "retriable", False):
        return Unavailable
    return None


def our_error(error: BaseException, settings: KafkaSettings) -> InspectdError:
    """The driver's error in our words; raise it `from` the original. What is unknown counts as Unavailable."""
    kind = classify(type(error))
    if kind is Rejected:
        return Rejected("too_large" if "TooLarge" in type(error).__name__ else "refused_by_broker", str(error))
    if kind is Misconfigured:
        for driver_kind, setting, mend in _SETTING_OF:
            if isinstance(error, driver_kind):
                return Misconfigured(setting, str(error), mend)
        return Misconfigured("kafka", str(error), "Check the kafka settings and the broker's log")
    return Unavailable(f"Kafka at {settings.bootstrap_servers}: {error}")


def connection_options(settings: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments of every kafka-python client. Raises Misconfigured for addresses that are none."""
    options: dict[str, Any] = {
        "bootstrap_servers": bootstrap_servers(settings),
        "client_id": "inspectd",
        "security_protocol": settings.security_protocol,
        "bootstrap_timeout_ms": int(BOOTSTRAP_TIMEOUT_S * 1000),
        "reconnect_backoff_max_ms": 2000,  # a broker that comes back shall be noticed soon
        "metrics_enabled": False,
    }
    if settings.security_protocol.startswith("SASL"):
        if not settings.sasl_mechanism:
            raise Misconfigured("kafka.sasl_mechanism", "is empty", "Set it, for example to SCRAM-SHA-512")
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password.get_secret_value(),
        }
    if settings.ssl_cafile:
        options["ssl_cafile"] = settings.ssl_cafile
    return options


def bootstrap_servers(settings: KafkaSettings) -> list[str]:
    """The addresses. Raises Misconfigured(kafka.bootstrap_servers)."""
    servers = [part.strip() for part in settings.bootstrap_servers.split(",") if part.strip()]
    for server in servers:
        host, _, port = server.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise Misconfigured("kafka.bootstrap_servers", f"{server!r} is not host:port", _BOOTSTRAP_MEND)
    if not servers:
        raise Misconfigured("kafka.bootstrap_servers", "is empty", _BOOTSTRAP_MEND)
    return servers


_BOOTSTRAP_MEND = "Set INSPECTD_KAFKA__BOOTSTRAP_SERVERS, for example to 127.0.0.1:9092"


def no_broker(error: BaseException, settings: KafkaSettings) -> InspectdError:
    """What a client says that could not be made: nobody answers, or the settings do not fit."""
    mapped = our_error(error, settings)
    if isinstance(error, OSError) and settings.ssl_cafile:
        return Misconfigured("kafka.ssl_cafile", str(error), "Give a readable PEM file")
    if isinstance(error, (ValueError, AssertionError, RuntimeError)):
        return Misconfigured("kafka", str(error), "Check the kafka settings")
    if isinstance(mapped, Unavailable):
        servers = settings.bootstrap_servers
        return Unavailable(f"kafka.bootstrap_servers: no broker answers at {servers} ({error}). {_BOOTSTRAP_MEND}")
    return mapped
