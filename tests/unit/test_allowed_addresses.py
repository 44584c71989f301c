"""Which addresses may be dialled."""

from ipaddress import ip_network

import pytest

from bridge.core.errors import RequestFailed
from bridge.core.http_types import Request
from bridge.egress.allowed_addresses import Reach, named_by
from bridge.egress.client import open_client

NOT_PUBLIC = (
    "10.254.0.0", "192.168.10.65", "172.16.10.65", "0.1.2.3", "0.0.0.0", "::0", "::ffff:0.0.0.1", "127.0.0.1",
    "127.0.0.254", "127.254.254.254", "::1", "::ffff:127.0.0.1", "169.254.45.1", "fe80::dead:beef",
    "febf:ffff::dead:beef", "255.255.255.255", "240.240.240.240", "224.1.2.3", "233.252.0.16", "192.0.0.0",
    "192.0.0.255", "192.0.2.255", "198.51.100.65", "203.0.113.6", "2001:db8::1", "3fff::dead:beef", "100.100.0.0",
    "198.18.0.0", "192.88.99.3", "2002:c000:0204::dead:beef", "2002:c0a8:1::dead:beef", "64:ff9b::c0a8:0",
    "64:ff9b::808:808", "64:ff9b:1::dead:beef", "fdee:3a45:9057::1", "fd7a:115c:a1e0::1", "5f00::dead:beef",
    "100::1:2:3:4", "::10.0.0.5", "::ffff:0:10.0.0.5", "fec0::5", "::8.8.8.8",
)  # fmt: skip
PUBLIC = ("1.1.1.1", "8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8")
METADATA = (
    "169.254.169.254", "::ffff:169.254.169.254", "fe80::1%eth0", "fd00:ec2::254", "100.100.100.200", "168.63.129.16",
    "64:ff9b::a9fe:a9fe", "64:ff9b::6464:64c8", "2002:a9fe:a9fe::1", "::169.254.169.254", "::ffff:0:169.254.169.254",
)  # fmt: skip
EVERYTHING = (ip_network("0.0.0.0/0"), ip_network("::/0"))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public_must_be_named(address: str) -> None:
    assert not Reach(()).allows(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_may_be_dialled(address: str) -> None:
    assert Reach(()).allows(address)


@pytest.mark.parametrize("address", METADATA)
def test_link_local_and_metadata_are_refused_even_when_named(address: str) -> None:
    assert not Reach(EVERYTHING).allows(address)


def test_the_settings_name_addresses_but_names_do_not() -> None:
    reach = Reach(
        named_by(["http://10.0.0.5:9509/api", "http://[fdee::5]/x", "https://pbx.example", "http://localhost:1"])
    )
    assert all(map(reach.allows, ("10.0.0.5", "fdee::5", "127.0.0.1", "::1")))
    assert not reach.allows("10.0.0.6")


@pytest.mark.anyio
async def test_the_address_that_a_name_leads_to_is_what_counts() -> None:
    async with open_client(Reach(())) as client:
        for host in ("localhost", "127.0.0.1", "[::1]"):
            with pytest.raises(RequestFailed) as failure:
                await client.send(Request("GET", f"http://{host}:9/", {}, b""), 2.0)
            assert failure.value.cause == "address-refused", host
            assert "private_networks" in str(failure.value)
