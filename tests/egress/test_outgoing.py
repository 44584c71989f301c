"""A real proxy and a private certificate authority between the bridge and those it asks."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from bridge.config.models import Settings
from bridge.core.errors import RequestFailed, SettingsError
from bridge.core.finding import Grade
from bridge.core.http_types import Request, Secret
from bridge.core.reasons import say
from bridge.doctor import outgoing, outside
from bridge.egress import names_checked
from bridge.egress.allowed_addresses import Reach, named_by
from bridge.egress.client import EgressClient, open_client
from bridge.egress.proxy import Proxy
from bridge.egress.reachable import trusting
from bridge.settings import load_settings
from tests.egress import private_ca
from tests.egress.private_ca import PrivateCa
from tests.faults.test_installations import worker_of
from tests.stage import open_stage, serving
from tests.unit.test_allowed_addresses import METADATA, NOT_PUBLIC

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(90)]

ROOT = Path(__file__).parents[2]
PASSWORD = "a-password-of-the-proxy"


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> PrivateCa:
    return private_ca.make(tmp_path_factory.mktemp("ca"))


class Running:
    """The proxy's process, and what it was asked."""

    def __init__(self, port: int, log: Path) -> None:
        self.port, self._log = port, log

    @property
    def asked(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

    def proxy(self, *no_proxy: str, user: str = "", scheme: str = "http") -> Proxy:
        return Proxy(Secret(f"{scheme}://{user}127.0.0.1:{self.port}"), no_proxy)


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Running]:
    log = folder / "proxy.log"
    command = [sys.executable, "-m", "tests.egress.connect_proxy", str(log), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Running(int(process.stdout.readline()), log)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@asynccontextmanager
async def receiver(
    ca: PrivateCa | None = None, answer: Callable[[WebRequest], Response] | None = None
) -> AsyncIterator[int]:
    """A web server on a port of this machine, TLS or not."""

    async def respond(request: WebRequest) -> Response:
        return answer(request) if answer else PlainTextResponse(f"hello {request.url.path}")

    app = Starlette(routes=[Route("/{rest:path}", respond, methods=["GET", "POST"])])
    async with serving(app) as url:
        port = int(url.rpartition(":")[2])
        if ca is None:
            yield port
            return

        async def unwrap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            far, far_out = await asyncio.open_connection("127.0.0.1", port)

            async def carry(one: asyncio.StreamReader, other: asyncio.StreamWriter) -> None:
                while data := await one.read(65536):
                    other.write(data)

            ways = [asyncio.create_task(carry(reader, far_out)), asyncio.create_task(carry(far, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            far_out.transport.abort()
            writer.transport.abort()

        listening = await asyncio.start_server(unwrap, "127.0.0.1", 0, ssl=ca.context())
        try:
            yield int(listening.sockets[0].getsockname()[1])
        finally:
            listening.close()


async def got(client: EgressClient, url: str) -> str:
    return (await client.send(Request("GET", url), 5.0)).body.decode()


async def test_https_goes_through_the_proxy_which_resolves_the_name(tmp_path: Path, ca: PrivateCa) -> None:
    async with receiver(ca) as port:
        with running(tmp_path, "--host", f"crm.acme.example={port}") as proxy:
            async with open_client(Reach(()), proxy=proxy.proxy(), context=trusting(ca.ca_file)) as client:
                url = "https://crm.acme.example/popups"
                assert await got(client, url) == "hello /popups"
                assert client.way_to(url) == f"127.0.0.1:{proxy.port}"
            assert proxy.asked == ["CONNECT crm.acme.example:443"]
            async with open_client(Reach(()), proxy=proxy.proxy()) as client:
                with pytest.raises(RequestFailed) as failure:
                    await got(client, url)
            assert failure.value.cause == "untrusted-certificate", "a private authority is trusted where it is named"


async def test_plain_http_goes_through_the_proxy_too(tmp_path: Path) -> None:
    async with receiver() as port:
        with running(tmp_path, "--host", f"pbx.acme.example={port}") as proxy:
            async with open_client(Reach(()), proxy=proxy.proxy()) as client:
                assert await got(client, "http://pbx.acme.example/calls?code=1") == "hello /calls"
            assert proxy.asked == ["GET http://pbx.acme.example/calls?code=1"]


async def test_a_proxy_that_wants_a_password_gets_it_and_nobody_else_does(tmp_path: Path, ca: PrivateCa) -> None:
    async with receiver(ca) as port, receiver() as plain:
        hosts = ["--host", f"crm.acme.example={port}", "--host", f"pbx.acme.example={plain}"]
        with running(tmp_path, "--user", f"bridge:{PASSWORD}/x", *hosts) as proxy:
            right, wrong = f"bridge:{PASSWORD}%2Fx@", f"bridge:wrong-{PASSWORD}@"
            async with open_client(Reach(()), proxy=proxy.proxy(user=right), context=trusting(ca.ca_file)) as client:
                assert await got(client, "https://crm.acme.example/a") == "hello /a"
                assert await got(client, "http://pbx.acme.example/b") == "hello /b"
            for url in ("https://crm.acme.example/a", "http://pbx.acme.example/b"):
                async with open_client(Reach(()), proxy=proxy.proxy(user=wrong)) as client:
                    with pytest.raises(RequestFailed) as failure:
                        await got(client, url)
                assert failure.value.cause == "proxy-refused"
                assert "407" in str(failure.value)
                assert PASSWORD not in str(failure.value)


async def test_a_proxy_that_speaks_tls_itself(tmp_path: Path, ca: PrivateCa) -> None:
    async with receiver(ca) as port:
        with running(tmp_path, "--tls", str(ca.folder), "--host", f"crm.acme.example={port}") as proxy:
            async with open_client(
                Reach(()), proxy=proxy.proxy(scheme="https"), context=trusting(ca.ca_file)
            ) as client:
                assert await got(client, "https://crm.acme.example/a") == "hello /a"


@pytest.mark.parametrize("status", [403, 500, 502, 504])
async def test_a_proxy_that_lets_nobody_through_is_named_and_not_the_host(tmp_path: Path, status: int) -> None:
    with running(tmp_path, "--refuse", str(status)) as proxy:
        async with open_client(Reach(()), proxy=proxy.proxy()) as client:
            with pytest.raises(RequestFailed) as failure:
                await got(client, "https://crm.acme.example/a")
    assert (failure.value.cause, str(status) in str(failure.value)) == ("proxy-refused", True)
    assert f"127.0.0.1:{proxy.port}" in str(failure.value)


async def test_a_proxy_that_is_down_or_silent_ends_in_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with open_client(Reach(()), proxy=Proxy(Secret(f"http://127.0.0.1:{port}"))) as client:
        with pytest.raises(RequestFailed) as failure:
            await got(client, "https://crm.acme.example/a")
        assert failure.value.cause == "proxy-unreachable"
    with running(tmp_path, "--silent") as proxy:
        async with open_client(Reach(()), proxy=proxy.proxy()) as client:
            with pytest.raises(RequestFailed) as failure:
                await client.send(Request("GET", "https://crm.acme.example/a"), 0.4)
            assert failure.value.cause == "timeout"


ODD_SPELLINGS = (
    "2852039166", "0xA9FEA9FE", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "169.254.43518", "169.16689662",
    "169.254.169.254.", "167772165", "0x0a000005", "10.5", "012.0.0.5", "metadata.google.internal",
    "METADATA.google.internal.", "instance-data", "１６９.254.169.254", "169。254。169。254",
)  # fmt: skip


async def test_the_guard_stays_whole_behind_a_proxy(tmp_path: Path) -> None:
    with running(tmp_path) as proxy:
        async with open_client(Reach(()), proxy=proxy.proxy()) as client:
            for host in (*NOT_PUBLIC, *METADATA, *ODD_SPELLINGS):
                text = host.partition("%")[0]
                for scheme in ("http", "https"):
                    with pytest.raises(RequestFailed) as failure:
                        await got(client, f"{scheme}://{f'[{text}]' if ':' in text else text}/latest")
                    assert failure.value.cause == "address-refused", host
    assert proxy.asked == []


async def test_a_name_that_leads_to_a_private_address_is_refused_where_this_machine_can_see_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads: Mapping[str, list[str]] = {
        "private.example": ["10.0.0.5"], "mixed.example": ["8.8.8.8", "127.0.0.1"], "meta.example": ["169.254.169.254"],
        "six.example": ["fd00:ec2::254"], "unknown.example": [], "public.example": ["8.8.8.8"],
    }  # fmt: skip

    async def addresses_of(host: str) -> list[str]:
        return leads[host]

    monkeypatch.setattr(names_checked, "_addresses_of", addresses_of)
    async with receiver() as port:
        open_hosts = [option for name in leads for option in ("--host", f"{name}={port}")]
        with running(tmp_path, *open_hosts) as proxy:
            async with open_client(Reach(()), proxy=proxy.proxy()) as client:
                for name in ("private.example", "mixed.example", "meta.example", "six.example"):
                    with pytest.raises(RequestFailed, match="private_networks"):
                        await got(client, f"http://{name}/")
                for name in ("unknown.example", "public.example"):  # the former is the proxy's to know
                    assert await got(client, f"http://{name}/x") == "hello /x"
    assert {line.split("/")[2] for line in proxy.asked} == {"unknown.example", "public.example"}


async def test_a_redirect_is_not_followed_behind_a_proxy(tmp_path: Path) -> None:
    async with receiver(answer=lambda _: RedirectResponse("http://169.254.169.254/latest")) as port:
        with running(tmp_path, "--host", f"crm.acme.example={port}") as proxy:
            async with open_client(Reach(()), proxy=proxy.proxy()) as client:
                assert (await client.send(Request("GET", "http://crm.acme.example/"), 5.0)).status == 307
            assert len(proxy.asked) == 1


async def test_this_machine_is_never_asked_through_the_proxy(tmp_path: Path) -> None:
    async with receiver() as port:
        with running(tmp_path) as proxy:
            async with open_client(proxy=proxy.proxy()) as client:
                for host in ("127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433"):
                    assert client.way_to(f"http://{host}:{port}/") == ""
                assert await got(client, f"http://127.0.0.1:{port}/x") == "hello /x"
            assert proxy.asked == []


@pytest.mark.parametrize(
    ("entry", "url", "bypassed"),
    [
        ("acme.example", "https://acme.example/", True),
        ("acme.example", "https://crm.acme.example/", True),
        ("acme.example", "https://notacme.example/", False),
        (".acme.example", "https://crm.acme.example/", True),
        ("*.acme.example", "https://CRM.Acme.Example./", True),
        ("acme.example:8443", "https://acme.example:8443/", True),
        ("acme.example:8443", "https://acme.example/", False),
        ("acme.example:443", "https://acme.example/", True),
        ("10.0.0.0/8", "http://10.1.2.3/", True),
        ("10.0.0.0/8", "http://11.1.2.3/", False),
        ("10.0.0.5", "http://10.0.0.5:9509/", True),
        ("10.0.0.5:9509", "http://10.0.0.5:9509/", True),
        ("10.0.0.5:9509", "http://10.0.0.5/", False),
        ("fd00::/8", "http://[fd00::5]/", True),
        ("10.0.0.0/8", "http://ten.example/", False),
        ("pbx", "http://pbx:9509/", True),
    ],
)
def test_who_is_asked_without_the_proxy(entry: str, url: str, bypassed: bool) -> None:
    assert Proxy(Secret("http://proxy.example:3128"), (entry,)).takes(url) is not bypassed


async def test_no_proxy_goes_directly_and_only_where_it_may(tmp_path: Path) -> None:
    async with receiver() as port:
        with running(tmp_path) as proxy:
            reach = Reach(named_by([f"http://127.0.0.1:{port}"]))
            async with open_client(reach, proxy=proxy.proxy("10.0.0.0/8")) as client:
                with pytest.raises(RequestFailed) as failure:
                    await client.send(Request("GET", "http://10.0.0.5/"), 2.0)
                assert failure.value.cause == "address-refused"
            assert proxy.asked == []


@pytest.mark.parametrize("place", ["169.254.169.254:80", "[fd00:ec2::254]:80", "100.100.100.200"])
async def test_metadata_is_no_proxy(place: str) -> None:
    async with open_client(Reach(()), proxy=Proxy(Secret(f"http://{place}"))) as client:
        with pytest.raises(RequestFailed) as failure:
            await client.send(Request("GET", "https://crm.acme.example/"), 2.0)
        assert failure.value.cause == "address-refused"


async def test_the_environments_proxy_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver() as port:
        with running(tmp_path) as proxy:
            for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            async with open_client() as client:
                assert await got(client, f"http://127.0.0.1:{port}/x") == "hello /x"
            assert proxy.asked == []


async def test_ssl_cert_file_replaces_the_systems_authorities(ca: PrivateCa, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiver(ca) as port:
        url = f"https://127.0.0.1:{port}/x"
        async with open_client() as client:
            with pytest.raises(RequestFailed):
                await got(client, url)
        monkeypatch.setenv("SSL_CERT_FILE", str(ca.ca_file))
        async with open_client() as client:
            assert await got(client, url) == "hello /x"
            reader, writer = await client.dial("localhost", port, 5.0, tls=True)
            writer.write(b"GET /raw HTTP/1.0\r\n\r\n")
            assert b"hello /raw" in await reader.read()
            writer.close()


def written(folder: Path, **environ: str) -> Settings:
    file = folder / "popbridge.toml"
    file.write_text(
        '[pbx.main]\nkind = "voicenter"\ncode = "ACCOUNTCODE77"\nregion = "IL"\n'
        'base_url = "https://monapisec.voicenter.co.il/comet/API"\n[crm.acme]\nkind = "webhook"\n'
        'click_token = "a-token-of-acme-1"\npopup_url = "https://crm.acme.example/popups"\n'
        'popup_secrets = ["whsec_UG9wdXBTZWNyZXRQb3B1cFNlY3JldFBvcHVw"]\n'
    )
    (folder / "agents.csv").write_text("crm,crm_user,pbx,extension,name\n")
    return load_settings(str(file), environ)


@pytest.mark.parametrize(
    "proxy",
    ["proxy.example:3128", "socks5://proxy.example:1080", "http://", "http://proxy.example:0", "http://proxy:many",
     "http://proxy.example/path", "http://proxy.example?x=1", "ftp://proxy.example", f"http://user:{PASSWORD}@"],
)  # fmt: skip
def test_a_proxy_that_is_none_is_told_without_its_password(tmp_path: Path, proxy: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        written(tmp_path, POPBRIDGE_OUTGOING__PROXY=proxy)
    assert "OUTGOING__PROXY: outgoing.proxy: must be http://HOST:PORT" in str(wrong.value)
    assert PASSWORD not in str(wrong.value)


@pytest.mark.parametrize("entry", ["*", "http://acme.example", "acme example", "10.0.0.0/99", "a/b"])
def test_a_no_proxy_that_is_none_is_told(tmp_path: Path, entry: str) -> None:
    with pytest.raises(SettingsError, match=r"outgoing\.no_proxy"):
        written(tmp_path, POPBRIDGE_OUTGOING__NO_PROXY=entry)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        ("", "no certificates"),
        ("junk", "no certificates"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n", "no certificates"),
    ],
)
def test_a_ca_file_without_certificates_is_told(tmp_path: Path, content: str | None, words: str) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(SettingsError, match=rf"outgoing\.ca_file: .*{words}"):
        written(tmp_path, POPBRIDGE_OUTGOING__CA_FILE="ca.pem")


async def test_popups_through_a_proxy_and_doctor_says_which_way(
    tmp_path: Path, redis_url: Secret, ca: PrivateCa
) -> None:
    """Whole: a worker process pushes to a CRM that only the proxy knows, by a private authority's certificate."""
    with running(tmp_path, "--host", "crm.acme.example=1") as nowhere:
        extra = {
            "POPBRIDGE_OUTGOING__PROXY": f"http://bridge:{PASSWORD}@127.0.0.1:{nowhere.port}",
            "POPBRIDGE_OUTGOING__CA_FILE": str(ca.ca_file),
            "POPBRIDGE_CRM__ACME__POPUP_URL": "https://crm.acme.example/crm/popups",
        }
        async with open_stage(tmp_path, redis_url, extra=extra) as stage:
            told = {one.message: one.grade for one in await outgoing.of_ways(stage.services, {})}
            (ways,) = (one for one in told if "through" in one)
            assert "pbx main directly" in ways
            assert f"crm acme through the proxy 127.0.0.1:{nowhere.port}" in ways
            assert "ca.pem" in ways
            assert set(told.values()) == {Grade.OK}
            assert PASSWORD not in str(told)
            port = int(stage.pbx_url.rpartition(":")[2])

            async def unwrap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                far, far_out = await asyncio.open_connection("127.0.0.1", port)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                far_out.write(
                    head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + await reader.readexactly(length)
                )
                writer.write(await far.read())
                far_out.close()
                writer.close()

            tls = await asyncio.start_server(unwrap, "127.0.0.1", 0, ssl=ca.context())
            with running(tmp_path, "--host", f"crm.acme.example={tls.sockets[0].getsockname()[1]}") as proxy:
                stage.extra["POPBRIDGE_OUTGOING__PROXY"] = f"http://127.0.0.1:{proxy.port}"
                with worker_of(stage):
                    stage.talk()
                    answer = (await stage.click()).json()
                    await stage.crm.wait_for(answer["click_id"], 30)
                assert "CONNECT crm.acme.example:443" in proxy.asked
            tls.close()


async def test_doctor_asks_public_url_by_the_private_authority(
    tmp_path: Path, redis_url: Secret, ca: PrivateCa
) -> None:
    async with receiver(ca) as port, open_stage(tmp_path, redis_url) as stage:
        settings = stage.services.settings
        object.__setattr__(settings.server, "public_url", f"https://localhost:{port}")
        grades = []
        for ca_file in (None, ca.ca_file):
            object.__setattr__(settings.outgoing, "ca_file", ca_file)
            grades += [one.grade for one in await outside.of_public_url(stage.services)]
    assert grades == [Grade.FAIL, Grade.OK]


async def test_doctor_names_a_proxy_that_is_down_and_one_of_the_environment_that_is_not_used(
    tmp_path: Path, redis_url: Secret
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    extra = {"POPBRIDGE_OUTGOING__PROXY": f"http://127.0.0.1:{port}"}
    async with open_stage(tmp_path, redis_url, extra=extra) as stage:
        failed = [one for one in await outgoing.of_ways(stage.services, {}) if one.grade is Grade.FAIL]
        assert [f"the proxy 127.0.0.1:{port}" in one.message for one in failed] == [True]
    async with open_stage(tmp_path, redis_url) as stage:
        found = await outgoing.of_ways(
            stage.services, {"HTTPS_PROXY": f"http://u:{PASSWORD}@p:1", "SSL_CERT_FILE": "/ca"}
        )
        text = " ".join(one.message for one in found)
        assert "HTTPS_PROXY of the environment is not used" in text
        assert "SSL_CERT_FILE" in text
        assert PASSWORD not in text


async def test_reasons_are_sentences() -> None:
    async with open_client(Reach(()), proxy=Proxy(Secret("http://127.0.0.1:1"))) as client:
        with pytest.raises(RequestFailed) as failure:
            await got(client, "https://crm.acme.example/")
    assert say(failure.value.reason) == "could not connect to the proxy 127.0.0.1:1"
