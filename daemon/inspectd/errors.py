"""Every error that inspectd raises on purpose, named by what the caller should do.

InspectdError
  Unavailable      a server is away: retry with backoff; never counts against a frame
    Unreachable    one that a setting names does not answer: at the start exit code 1, so that whoever started us tries again
    ModelChanged   another model is served than was asked for: look again, with what holds for the new one
    Overloaded     it is there and refuses more work for now
  TooLate          the time that the caller gave is over: nobody waits for the answer, so nobody tries again
  Rejected         the input is bad: dead letter, or INVALID_ARGUMENT
  CalibrateAgain   a camera's memory or template cannot be used: dead letter, until the camera is calibrated again
  ModelFailed      the model broke on this input: three times, then dead letter
  NotFound         there is no such thing
  Conflict         it changed meanwhile, or its state does not allow this
  Expired          a token or a page is older than what is kept
  Misconfigured    the settings are wrong: stop, exit code 2
"""


class InspectdError(Exception):
    """The root."""


class Unavailable(InspectdError):
    """A server is away; the same call may succeed later."""


class Unreachable(Unavailable):
    """A server that a setting names does not answer. The message names the setting and the mend.

    It may be the setting that is wrong, or the server that is not up yet: only another try can tell.
    """

    def __init__(self, setting: str, detail: str, mend: str) -> None:
        super().__init__(f"{setting}: {detail}. {mend}")
        self.setting = setting
        self.detail = detail
        self.mend = mend


class ModelChanged(Unavailable):
    """Another model is served than the one whose card was read: threshold and reference are to be looked up anew."""


class Overloaded(Unavailable):
    """A server is there and refuses more work for now."""


class TooLate(InspectdError):
    """The time that the caller gave is over; what was asked for is not computed any more."""


class Rejected(InspectdError):
    """The input is bad and stays bad. `reason` is a stable lower-case word, `field` names the request's field."""

    def __init__(self, reason: str, detail: str, *, field: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.field = field


class CalibrateAgain(InspectdError):
    """The expert cannot use a camera's reference: gone, damaged, of another model version or of frames of another size.

    Trying again does not help, a person does; the input is not to blame, so it can be inspected once that is done.
    """


class ModelFailed(InspectdError):
    """The model broke on this input; another try may tell whether the input or the moment was to blame."""


class NotFound(InspectdError):
    """There is no such thing."""


class Conflict(InspectdError):
    """The thing changed meanwhile (`stale`), or its state does not allow the request."""

    def __init__(self, detail: str, *, stale: bool = False) -> None:
        super().__init__(detail)
        self.stale = stale


class Expired(InspectdError):
    """A resume token, page or picture is older than what is kept."""


class Misconfigured(InspectdError):
    """A setting is wrong. The message names the setting and the mend."""

    def __init__(self, setting: str, detail: str, mend: str) -> None:
        super().__init__(f"{setting}: {detail}. {mend}")
        self.setting = setting
        self.detail = detail
        self.mend = mend
