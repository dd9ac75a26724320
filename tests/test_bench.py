"""What the bench says is what it measured: its arithmetic, its options, its reading of servers and of the kernel."""

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from bench import images, machine
from bench.certificate import make_certificate
from bench.client import Endpoint, Unexpected, head, parse_head
from bench.content import TAGS, digest, make_image, tag
from bench.crowd import COUNT, Crowd, crowded
from bench.engines import Backing, free_port
from bench.figures import BYTES, MEMORY, REQUESTS, SECONDS, Door, Sample, Storage, number, ratio, spread, summarize
from bench.images import SMALL, layered, make_images
from bench.measure import Result
from bench.options import FULL, QUICK, parse
from bench.processes import parse_stat, usage
from bench.report import Report, one_line
from bench.rows import PROFILES, Row, is_catalog, is_tags
from bench.servers import SERVERS, Place
from bench.work import Start, is_body

NAMES = [server.name for server in SERVERS]


def test_a_summary_is_median_and_extremes_and_the_cpu_of_all_the_work() -> None:
    summary = summarize([Sample(300.0, 600, 0.3), Sample(100.0, 200, 0.1), Sample(900.0, 200, 0.4)])
    assert (summary.median, summary.low, summary.high) == (300.0, 100.0, 900.0)
    assert summary.cpu == pytest.approx(0.8 / 1000)


def test_of_two_samples_the_median_lies_between() -> None:
    assert summarize([Sample(100.0), Sample(200.0)]).median == 150.0


def test_what_does_no_work_has_no_cpu_beside_it() -> None:
    summary = summarize([Sample(0.25)])
    assert summary.cpu is None
    assert spread(summary, SECONDS) == "250–250"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (45_123.0, "45,100"),
        (10_000.0, "10,000"),
        (1_234.0, "1,230"),
        (187.4, "187"),
        (40.66, "40.7"),
        (4.071, "4.07"),
        (0.0, "0.00"),
    ],
)
def test_a_number_has_the_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_cpu_is_told_for_one_request_and_for_a_gigabyte() -> None:
    assert spread(summarize([Sample(50_000.0, 100_000, 2.0)]), REQUESTS) == "50,000–50,000 · 20.0 µs each"
    assert spread(summarize([Sample(2e9, 4e9, 2.0)]), BYTES) == "2,000–2,000 · 500 ms/GB"


def test_memory_is_told_beside_the_figure_it_was_seen_with() -> None:
    samples = [Sample(1e9, 1e9, 0.5, 120_000_000), Sample(1e9, 1e9, 0.5, 90_000_000)]
    assert spread(summarize(samples), BYTES) == "1,000–1,000 · 500 ms/GB · 120 MB"


def test_a_ratio_is_to_the_baseline_of_the_same_row() -> None:
    ours, theirs = summarize([Sample(340.0)]), summarize([Sample(100.0)])
    assert ratio(ours, theirs) == "×3.40"
    assert ratio(theirs, theirs) == "×1.00"
    assert ratio(ours, None) == ""


def test_without_options_everything_is_measured_on_both_storages() -> None:
    options = parse([], NAMES)
    assert options.storages == (Storage.TMPFS, Storage.DISK)
    assert options.doors == (Door.PLAIN, Door.TLS)
    assert list(options.servers) == NAMES
    assert {"runs": options.runs, "seconds": options.seconds} == FULL


def test_quick_is_shorter_and_at_one_place_only_unless_told_otherwise() -> None:
    options = parse(["--quick"], NAMES)
    assert options.doors == (Door.TLS,)
    assert (options.storages, options.runs, options.seconds) == ((Storage.TMPFS,), QUICK["runs"], QUICK["seconds"])
    assert parse(["--quick", "--disk", "--runs", "7"], NAMES).storages == (Storage.DISK,)
    assert parse(["--quick", "--disk", "--runs", "7"], NAMES).runs == 7


def test_servers_come_in_the_order_of_the_table_whatever_was_typed() -> None:
    assert parse(["--servers", ",".join(reversed(NAMES))], NAMES).servers == tuple(NAMES)


@pytest.mark.parametrize(
    "arguments", [["--servers", "nginx"], ["--runs", "0"], ["--rows", "("], ["--profile", "cloud"], ["rows"]]
)
def test_wrong_usage_exits_with_two(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments, NAMES)
    assert ended.value.code == 2


def test_a_process_is_read_even_when_its_name_is_meant_to_confuse() -> None:
    fields = ["S", "7", *["0"] * 9, "10", "20", "3", "4", *["0"] * 6, "500", "0"]
    found = parse_stat(f"42 (a) b ({' '.join(fields)}) {' '.join(fields)}")
    assert (found.pid, found.parent, found.ticks, found.pages) == (42, 7, 37, 500)


def test_a_process_uses_memory_and_time() -> None:
    used = usage(os.getpid())
    assert used.resident > 1_000_000
    assert used.cpu > 0


def test_a_request_is_written_as_http_has_it() -> None:
    assert (
        head("PUT", "/v2/", {"a": "b"}, 3)
        == b"PUT /v2/ HTTP/1.1\r\nhost: 127.0.0.1\r\na: b\r\ncontent-length: 3\r\n\r\n"
    )
    assert b"content-length" not in head("GET", "/v2/", {}, 0)
    assert head("GET", "/", {"host": "127.0.0.1:9"}, None) == b"GET / HTTP/1.1\r\nhost: 127.0.0.1:9\r\n\r\n"


def test_an_answer_s_status_and_location_are_found() -> None:
    answer = parse_head(b"HTTP/1.1 202 Accepted\r\nLocation: http://127.0.0.1:5/v2/a/b?_state=x%3D\r\nA:b")
    assert (answer.status, answer.location, answer.headers["a"]) == (202, "/v2/a/b?_state=x%3D", "b")
    assert answer.expect(201, 202) is answer
    with pytest.raises(Unexpected, match="202 instead of 201"):
        answer.expect(201)


def test_images_are_new_each_time_and_name_their_blobs() -> None:
    image, other = make_image(), make_image()
    document = json.loads(image.manifest)
    named = [document["config"], *document["layers"]]
    assert [(entry["digest"], entry["size"]) for entry in named] == [(digest(blob), len(blob)) for blob in image.blobs]
    assert image.digest != other.digest


def test_a_stamp_makes_another_image_of_the_same_files(tmp_path: Path) -> None:
    first, again, other = (layered(tmp_path, SMALL, "0", stamp) for stamp in ("a", "a", "b"))
    assert first == again
    assert {layer.digest for layer in first.layers}.isdisjoint(layer.digest for layer in other.layers)
    assert first.config != other.config
    named = json.loads(other.manifest)["layers"]
    assert [entry["digest"] for entry in named] == [digest(layer.path.read_bytes()) for layer in other.layers]
    assert other.size == len(other.manifest) + len(other.config) + sum(entry["size"] for entry in named)


def test_servers_of_one_store_have_a_bucket_each_and_redirect_only_where_they_are_to(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    backing = Backing("http://127.0.0.1:9", "moored", "postgresql://bench@127.0.0.1:8/moored")
    servers = {server.name: server for server in SERVERS if server.name in PROFILES["scale"].servers}
    launched = {
        (name, is_redirecting): server.launch(
            server.program, Place(tmp_path, 7, Door.PLAIN, certificate, backing, is_redirecting=is_redirecting)
        )
        for name, server in servers.items()
        for is_redirecting in (False, True)
    }
    assert len(launched) == 2 * 2
    assert "bucket: moored" in launched["distribution", False].file
    assert "redirect: {disable: true}" in launched["distribution", False].file
    assert "redirect: {disable: false}" in launched["distribution", True].file
    assert launched["moorage", False].environment["MOORAGE_STORAGE_URL"] == "s3://moored"
    assert launched["moorage", False].environment["MOORAGE_DATABASE_URL"] == backing.database
    assert "MOORAGE_REDIRECTS" not in launched["moorage", False].environment
    assert launched["moorage", True].environment["MOORAGE_REDIRECTS"] == "on"


def test_the_rows_of_scale_push_and_pull_both_sizes_streamed_and_redirected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "LARGE", images.Size("large", 1000, 1))
    names = [row.name for row in PROFILES["scale"].rows(make_images(tmp_path))]
    for size in ("1 MB", "500 MB"):
        assert f"push {size}, 1 client" in names
        assert f"pull {size}, 1 client" in names
        assert f"pull {size}, 1 client, redirected" in names


def test_the_first_page_of_tags_is_recognised_and_nothing_else() -> None:
    tags = ["latest", *(tag(number) for number in range(TAGS))]
    assert is_tags(json.dumps({"tags": tags[:100]}).encode())
    assert is_tags(json.dumps({"tags": tags}).encode())
    assert not is_tags(json.dumps({"tags": tags[1:101]}).encode())
    assert not is_tags(json.dumps({"tags": tags[:99]}).encode())


def test_the_first_page_of_the_catalog_is_recognised_and_nothing_else() -> None:
    names = ["bench/app", *(f"bench/many/{number:04d}" for number in range(99))]
    assert is_catalog(json.dumps({"repositories": names}).encode())
    assert not is_catalog(json.dumps({"repositories": names[:99]}).encode())


def test_a_body_is_right_only_when_every_byte_is() -> None:
    accepts = is_body(b"abc")
    assert accepts(b"abc")
    assert not accepts(b"abd")


def test_what_is_missing_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("bench.engines.POSTGRES", tmp_path)
    assert len(machine.missing([], [], needs_engines=True)) == 3
    lines = machine.missing(SERVERS[:2], [])
    assert [line.partition(" is missing: ")[2] for line in lines] == [
        SERVERS[0].install,
        SERVERS[1].install,
        machine.WRK_INSTALL,
    ]


class Door401(BaseHTTPRequestHandler):
    """A server that lets nobody in, and counts who came with which password."""

    protocol_version = "HTTP/1.1"
    status = 401
    came: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.came.append(self.headers.get("authorization", ""))
        self.send_response(self.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def handle(self) -> None:
        # A crowd that was let in leaves at once.
        with contextlib.suppress(ConnectionResetError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Door200(Door401):
    """One that lets everybody in."""

    status = 200


@contextlib.contextmanager
def answering(door: type[Door401]) -> Iterator[Endpoint]:
    door.came.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), door) as server:
        server.request_queue_size = COUNT
        server.server_activate()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Endpoint(server.server_port, None)
        server.shutdown()
        thread.join()


def test_a_crowd_guesses_another_password_each_time() -> None:
    with answering(Door401) as endpoint, crowded(endpoint, Crowd.GUESSING):
        pass
    assert len(Door401.came) == len(set(Door401.came)) == COUNT


def test_a_crowd_that_is_let_in_fails_the_row() -> None:
    refused = pytest.raises(Unexpected, match="200 instead of 401")
    with answering(Door200) as endpoint, refused, crowded(endpoint, Crowd.GUESSING):
        pass


def test_a_crowd_that_finds_nobody_fails_the_row() -> None:
    with pytest.raises(Unexpected, match="refused"), crowded(Endpoint(free_port(), None), Crowd.ASKING):
        pass


@pytest.fixture
def report() -> Report:
    start = Row("start", SECONDS, Start())
    samples = {NAMES[0]: [Sample(0.1), Sample(0.3)], NAMES[2]: [Sample(0.4)]}
    results = [
        Result(start, Storage.TMPFS, Door.TLS, samples, {NAMES[1]: "Unexpected: status 500"}),
        Result(Row("memory", MEMORY, Start()), Storage.DISK, Door.PLAIN, {NAMES[2]: [Sample(4e7)]}),
    ]
    told = dict.fromkeys(NAMES, "1.0")
    return Report(SERVERS, {"processor": "two cores"}, told, told, results)


def test_the_json_holds_every_sample_and_every_failure(report: Report, tmp_path: Path) -> None:
    report.write_json(tmp_path / "out.json")
    first, second = json.loads((tmp_path / "out.json").read_text())["results"]
    assert [sample["value"] for sample in first["samples"][NAMES[0]]] == [0.1, 0.3]
    assert first["failures"] == {NAMES[1]: "Unexpected: status 500"}
    assert (second["storage"], second["door"], second["unit"]) == ("disk", "plain", "MB")


def test_the_markdown_shows_ratios_where_there_is_a_baseline(report: Report, tmp_path: Path) -> None:
    report.write_markdown(tmp_path / "out.md")
    lines = (tmp_path / "out.md").read_text().splitlines()
    assert "| start, ms (less is better) | 200 ×1.00<br>100–300 | failed | 400 ×2.00<br>400–400 |" in lines
    assert "| memory, MB (less is better) | failed | failed | 40.0<br>40.0–40.0 |" in lines


def test_whoever_waits_reads_one_line_a_row(report: Report) -> None:
    expected = f"over TLS, data on tmpfs: start: {NAMES[0]} 200, {NAMES[2]} 400 ms"
    assert one_line(report.results[0]) == expected
