"""What the server tells about itself: log lines, one of them for each request, and numbers for Prometheus."""

from moorage.telemetry.front import Front, RequestIds
from moorage.telemetry.logs import RequestLog, configure
from moorage.telemetry.metrics import Metrics, prepare_multiprocess

__all__ = ["Front", "Metrics", "RequestIds", "RequestLog", "configure", "prepare_multiprocess"]
