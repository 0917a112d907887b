"""The daemon's Prometheus metrics. Counters of frames reconcile: received = sum of outcomes + in flight.

`received` counts distinct hand-outs of this process; a frame that is handed out again after a restart counts again there
and here alike. Labels are few and bounded: cameras are labels of the drift of calibrated cameras only.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """One registry per daemon, so that several can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.received = self._counter("inspectd_frames_received", "Frames handed out by the source")
        self.outcomes = self._counter("inspectd_frames_finished", "Frames by outcome and reason", "outcome", "reason")
        self.in_flight = Gauge("inspectd_frames_in_flight", "Frames being inspected", registry=self.registry)
        self.retries = self._counter("inspectd_retries", "Tries that failed and were repeated", "what")
        self.cache = self._counter("inspectd_token_cache", "Look-ups of region tokens", "result")
        self.events = self._counter("inspectd_events_raised", "Defect events raised")
        self.unannounced = self._counter(
            "inspectd_events_unannounced", "Changes of events that the broker refuses for good", "reason"
        )
        self.explanations = self._counter(
            "inspectd_explanations", "Explanations by state and origin", "state", "origin"
        )
        self.pending = Gauge("inspectd_explanations_pending", "Events waiting for words", registry=self.registry)
        self.notifications = self._counter("inspectd_notifications", "Alert notifications", "result")
        self.edits = self._counter("inspectd_edits", "Synthetic edits", "result")
        self.ready = Gauge("inspectd_ready", "1 when the part is ready", ["part"], registry=self.registry)
        self.drift = self._gauge(
            "inspectd_score_drift", "1 while a camera's scores drift from its calibration", "camera"
        )
        self.drift_ks = self._gauge(
            "inspectd_score_drift_ks_distance",
            "Kolmogorov-Smirnov distance of good scores to the calibration",
            "camera",
        )
        self.drift_psi = self._gauge(
            "inspectd_score_drift_psi", "Population stability index of good scores against the calibration", "camera"
        )
        self.false_alarms = self._gauge(
            "inspectd_false_alarm_share", "Rejected events of known good frames, with its interval", "camera", "bound"
        )
        self.false_alarms_promised = self._gauge(
            "inspectd_false_alarm_promised", "False-alarm rate that the calibration was made for", "camera"
        )
        buckets = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 30.0, 60.0)
        self.latency = Histogram(
            "inspectd_capture_to_verdict_seconds",
            "From capture to the recorded verdict",
            registry=self.registry,
            buckets=buckets,
        )
        self.inference = Histogram(
            "inspectd_region_expert_seconds", "One region expert call", registry=self.registry, buckets=buckets
        )

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)
