"""What never gets into a log: passwords in the addresses of cameras."""

import pytest

from inspectd.logs import masked


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://user:secret@10.0.0.7/x", "rtsp://***@10.0.0.7/x"),
        ("rtsp://user:se/cr@et@10.0.0.7:554/x", "rtsp://***@10.0.0.7:554/x"),
        ("rtsp://10.0.0.7/live?user=admin&password=se/cret&channel=1", "rtsp://10.0.0.7/live?user=admin&password=***&channel=1"),
        ("rtsp://10.0.0.7/user=admin_password=se_cret", "rtsp://10.0.0.7/user=admin_password=***"),
        ("rtsp://10.0.0.7/x", "rtsp://10.0.0.7/x"),
        ("usb:0", "usb:0"),
        ("folder:parts@home", "folder:parts@home"),
    ],
)  # fmt: skip
def test_a_password_is_not_shown(address: str, shown: str) -> None:
    assert masked(address) == shown
