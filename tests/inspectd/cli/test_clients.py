"""The commands that talk to a running daemon."""

import asyncio
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from tests.inspectd.cli.conftest import Run
from tests.line import BAD, GOOD, GREY, Line, picture
from typer.testing import CliRunner

from inspectd.records import Explanation, ExplanationState, JobState, Origin, ReviewState


async def explained(line: Line, event_id: str, text: str) -> None:
    words = Explanation(ExplanationState.READY, text, Origin.MODEL_VERIFIED, 1, "m")
    await line.events.revise(event_id, lambda e: replace(e, explanation=words))


async def test_events_are_a_table_of_the_newest(line: Line, run: Run) -> None:
    one, two = await line.defect(1), await line.defect(2, camera="cam-2")
    await explained(line, one.event_id, "A [bold]scratch[/bold] at the top left.")
    result = await run("events")
    assert result.exit_code == 0
    assert result.output.index(two.event_id) < result.output.index(one.event_id)
    assert "A [bold]scratch[/bold] at the top left." in result.output
    assert "0.961 ≥ 0.500" in result.output
    assert one.event_id not in (await run("events", "--camera", "cam-2")).output
    assert one.event_id not in (await run("events", "--limit", "1")).output
    assert "No defect events that match." in (await run("events", "--state", "confirmed")).output


async def test_events_as_json_are_one_object_a_line_with_the_protos_names(line: Line, run: Run) -> None:
    for number in range(3):
        await line.defect(number)
    result = await run("events", "--json")
    lines = [json.loads(text) for text in result.stdout.splitlines()]
    assert [item["frame_id"] for item in lines] == ["cam-1/boot/2", "cam-1/boot/1", "cam-1/boot/0"]
    assert lines[0]["review"] == {"state": "UNREVIEWED"}
    assert lines[0]["regions"][0]["defect_type"] == "scratch"


async def test_an_inspection_tells_the_verdict_by_its_exit_code_and_draws_the_regions(run: Run, tmp_path: Path) -> None:
    bad, good, out = tmp_path / "bad.png", tmp_path / "good.png", tmp_path / "out.png"
    bad.write_bytes(BAD)
    good.write_bytes(GOOD)
    result = await run("inspect", str(bad), "--overlay", str(out))
    assert result.exit_code == 3
    assert "DEFECT" in result.output
    assert "scratch 90%" in result.output
    drawn = cv2.imread(str(out))
    assert drawn.shape == (240, 320, 3)
    assert (drawn != cv2.imdecode(np.frombuffer(BAD, np.uint8), cv2.IMREAD_COLOR)).any()
    result = await run("inspect", str(good), "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["inspection"]["outcome"] == "PASS"


async def test_several_pictures_are_drawn_into_a_directory(run: Run, tmp_path: Path) -> None:
    names = [tmp_path / f"{n}.png" for n in "ab"]
    for name in names:
        name.write_bytes(BAD)
    drawn = tmp_path / "drawn"
    files = [str(name) for name in names]
    assert (await run("inspect", *files, "--overlay", str(drawn))).exit_code == 2
    drawn.mkdir()
    assert (await run("inspect", *files, "--overlay", str(drawn))).exit_code == 3
    assert sorted(file.name for file in drawn.iterdir()) == ["a.png", "b.png"]


async def test_a_recorded_inspection_is_an_event(line: Line, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "bad.png"
    file.write_bytes(BAD)
    result = await run("inspect", str(file), "--camera", "cam-5", "--record", "--part", "P-5")
    assert result.exit_code == 3
    assert "event " in result.output
    assert [c.camera_id for c in await line.ledger.cameras()] == ["cam-5"]


async def test_a_picture_that_cannot_be_taken_is_one_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "cut.png"
    file.write_bytes(BAD[:-20])
    result = await run("inspect", str(file))
    assert (result.exit_code, result.stderr.strip()) == (1, "inspectd: image: the picture's end is missing")
    result = await run("inspect", str(tmp_path / "none.png"))
    assert result.exit_code == 1
    assert "cannot be read (No such file or directory)" in result.stderr


async def test_a_question_is_answered(line: Line, run: Run) -> None:
    event = await line.defect(1, picture((40, 30, 60, 12, 250), (200, 150, 30, 30, 230)))
    result = await run("ask", event.event_id, "How many regions are there?")
    assert result.exit_code == 0
    assert result.output.startswith("There are 2 regions.\n(checked against the regions; region tokens from the cache)")
    result = await run("ask", event.event_id, "How many regions? lie")
    assert "contradicted:" in result.output
    result = await run("ask", event.event_id, "--json")
    assert json.loads(result.stdout.splitlines()[-1])["tokens_cached"] is True


async def test_a_review_is_recorded(line: Line, run: Run) -> None:
    event = await line.defect(1)
    words = ("--type", "crack", "--comment", "deep", "--reviewer", "Ada")
    assert "confirmed" in (await run("review", event.event_id, "confirm", *words)).output
    stored = (await line.events.get(event.event_id)).review
    assert (stored.state, stored.defect_type, stored.reviewer) == (ReviewState.CONFIRMED, "crack", "Ada")
    result = await run("review", event.event_id, "reject", "--etag", event.etag)
    assert result.exit_code == 1
    assert "is at revision 2 by now" in result.stderr
    assert (await run("review", event.event_id, "maybe")).exit_code == 2


async def test_cameras_are_a_table(line: Line, run: Run) -> None:
    assert "No camera has sent a frame yet." in (await run("cameras")).output
    await line.defect(1)
    await line.inspect(2, GOOD)
    output = (await run("cameras")).output
    assert "cam-1" in output
    assert "50.00%" in output
    assert "default/0123456789ab" in output


async def test_a_camera_whose_scores_drift_says_so(line: Line, run: Run) -> None:
    shades = [picture((10, 10, 20, 20, GREY + 1 + shade)) for shade in range(30)]
    await line.calibrator.calibrate("cam-1", shades, 0.1, 3600, lambda done, total: None)
    for number in range(40):
        await line.inspect(number, GOOD)
    await line.watch.measure_all()
    output = (await run("cameras")).output
    assert "scores drift: recalibrate (KS 1.00, PSI" in output
    assert "false alarms 0.00% of 10.00% promised" in output


async def test_a_job_is_created_followed_listed_and_cancelled(line: Line, run: Run) -> None:
    event = await line.defect(1)
    result = await run("augment", "create", "--event", event.event_id, "--count", "2")
    assert (result.exit_code, "confirm it first" in result.stderr) == (1, True)
    await run("review", event.event_id, "confirm")
    following = asyncio.ensure_future(run("augment", "create", "--event", event.event_id, "--count", "2", "--follow"))
    job = None
    async with asyncio.timeout(60):
        while job is None:
            await asyncio.sleep(0.05)
            job = await line.jobs.claim("worker")
    await line.jobs.update(replace(job, state=JobState.SUCCEEDED, accepted_count=2, dataset_uri="file:///d"), "worker")
    result = await following
    assert result.exit_code == 0
    assert "dataset: file:///d" in result.output
    waiting = json.loads((await run("augment", "create", "--event", event.event_id, "--json")).stdout)
    assert waiting["state"] == "QUEUED"
    assert waiting["job_id"] in (await run("augment", "list")).output
    assert "cancelled" in (await run("augment", "cancel", waiting["job_id"])).output
    result = await run("augment", "show", waiting["job_id"], "--follow")
    assert result.exit_code == 1


async def test_an_absent_daemon_is_one_clear_line(app: typer.Typer) -> None:
    for words in (["events"], ["events", "--follow"], ["cameras"], ["ask", "e"], ["review", "e", "confirm"]):
        result = await asyncio.to_thread(CliRunner().invoke, app, [*words, "--address", "127.0.0.1:1"])
        assert result.exit_code == 1
        (text,) = result.stderr.strip().splitlines()
        assert text.startswith(
            "inspectd: no daemon answers at 127.0.0.1:1 (settings api.host and api.port, or --address)"
        )


async def test_a_wrong_setting_is_exit_code_2(app: typer.Typer, tmp_path: Path) -> None:
    words = ["cameras", "--tls-ca", str(tmp_path / "none.pem")]
    result = await asyncio.to_thread(CliRunner().invoke, app, words)
    assert result.exit_code == 2
    assert "--tls-ca" in result.stderr


@pytest.mark.parametrize("words", [["events"], ["inspect"], ["ask"], ["review"], ["cameras"], ["augment", "create"]])
def test_every_command_explains_itself_with_an_example(app: typer.Typer, words: list[str]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"])
    assert result.exit_code == 0
    assert "inspectd " + " ".join(words) in result.output
    assert "Example" in result.output


async def test_following_goes_on_after_a_lost_connection_and_ends_with_ctrl_c(line: Line) -> None:
    from inspectd.settings import ApiSettings

    server = await line.api()
    port = int(server.address.rpartition(":")[2])
    code = "import typer; from inspectd.cli.events import events; typer.run(events)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, "--follow", "--json", "--address", server.address,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # a test run in a shell's background ignores Ctrl-C, and its children would, too
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(120):
            seen = []
            for number in range(400):  # until the watch has begun
                await line.defect(number)
                try:
                    async with asyncio.timeout(0.2):
                        seen.append(json.loads(await process.stdout.readline()))
                    break
                except TimeoutError:
                    continue
            first = int(seen[0]["defect_event"]["frame_id"].rpartition("/")[2])
            for _ in range(number - first):
                seen.append(json.loads(await process.stdout.readline()))
            await server.stop()
            assert b"connection is lost" in await process.stderr.readline()
            await line.defect(1000)
            await line.api(ApiSettings(port=port))
            last = json.loads(await process.stdout.readline())
            assert last["defect_event"]["frame_id"] == "cam-1/boot/1000"
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 130
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
