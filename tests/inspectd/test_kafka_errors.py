"""Every exception of the driver is one of ours, by decision and not by accident."""

import inspect

import pytest
from kafka import errors as driver

from inspectd.errors import Misconfigured, Rejected, Unavailable
from inspectd.kafka_errors import classify, our_error

KINDS = sorted(
    {kind for _, kind in inspect.getmembers(driver, inspect.isclass) if issubclass(kind, driver.KafkaError)},
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_exception_of_the_driver_has_a_place(kind: type[Exception]) -> None:
    assert classify(kind) in (Unavailable, Rejected, Misconfigured)


def test_there_are_as_many_as_the_driver_has() -> None:
    assert len(KINDS) > 150


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (driver.KafkaTimeoutError("x"), Unavailable, "broker:9092"),
        (driver.CommitFailedError("x"), Unavailable, "broker:9092"),
        (driver.MessageSizeTooLargeError("x"), Rejected, "too_large"),
        (driver.InvalidRecordError("x"), Rejected, "refused_by_broker"),
        (driver.SaslAuthenticationFailedError("x"), Misconfigured, "kafka.sasl_password"),
        (driver.TopicAuthorizationFailedError("x"), Misconfigured, "kafka.sasl_username"),
        (driver.InvalidSessionTimeoutError("x"), Misconfigured, "kafka.session_timeout_s"),
    ],
)
def test_the_message_says_where_to_look(error: Exception, kind: type[Exception], text: str) -> None:
    ours = our_error(error, "broker:9092")
    assert type(ours) is kind
    assert text in str(ours)


def test_what_nobody_has_thought_of_is_tried_again() -> None:
    class NewError(driver.KafkaError):
        pass

    assert classify(NewError) is None
    assert isinstance(our_error(NewError("x"), "b:1"), Unavailable)
