"""The Kafka driver's errors as ours, told apart by name. Imports no driver; a test holds the tables against the real one."""

from inspectd.errors import InspectdError, Misconfigured, Rejected, Unavailable


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
#: Which setting is to blame, and what to do.
_SETTING_OF = {
    "TopicAuthorizationFailedError": ("kafka.sasl_username", "Allow this user the inspectd topics"),
    "GroupAuthorizationFailedError": ("kafka.group_id", "Allow this user the consumer group"),
    "SaslAuthenticationFailedError": ("kafka.sasl_password", "Check kafka.sasl_username and its password"),
    "UnsupportedSaslMechanismError": ("kafka.sasl_mechanism", "Take one that the broker offers"),
    "IllegalSaslStateError": ("kafka.security_protocol", "Check the listener's protocol"),
    "InvalidSessionTimeoutError": ("kafka.session_timeout_s", "Keep it inside the broker's limits"),
    "InvalidGroupIdError": ("kafka.group_id", "Give a non-empty name"),
}


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


def our_error(error: BaseException, servers: str) -> InspectdError:
    """The driver's error in our words; raise it `from` the original. What is unknown counts as Unavailable."""
    kind, name = classify(type(error)), type(error).__name__
    if kind is Rejected:
        return Rejected("too_large" if "TooLarge" in name else "refused_by_broker", str(error))
    if kind is Misconfigured:
        setting, mend = _SETTING_OF.get(name, ("kafka", "Check the kafka settings and the broker's log"))
        return Misconfigured(setting, str(error), mend)
    return Unavailable(f"Kafka at {servers}: {error}")
